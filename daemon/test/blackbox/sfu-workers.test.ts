/** An SFU service with two workers: rooms are spread, a wall has them all, and a worker that dies takes only its own. */
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { RTCPeerConnection } from 'werift';
import { DRAINED_EXIT_CODE, sfuControlMethods } from '../../contract/control.ts';
import { ControlClient } from '../../system/control-client.ts';
import { DataPeer, say } from '../helpers/sfu-data-peer.ts';
import { SfuProcess } from '../helpers/sfu-process.ts';
import { SignalingClient, type Frame } from '../helpers/sfu-signaling-client.ts';
import { answerOffer, Picture, relayOf, startCamera, weriftPeer } from '../helpers/sfu-werift-peer.ts';

t.setTimeout(170_000);
const SHIELD = '127.0.62.1';
const CAMERA = '127.0.62.20';
const VIEWER = '127.0.62.21';
const MEDIA = { minPort: 23_000, maxPort: 23_009 };

const sfu = await SfuProcess.start(SHIELD, (config) => ({
  ...config,
  media: MEDIA,
  relays: [relayOf(CAMERA), relayOf(VIEWER)],
  workers: 2,
}));
t.teardown(() => sfu.stop());

type Closable = { close: () => Promise<unknown> };

/** A camera that is dialled into a room. @returns the media port of the SFU that it was given. */
async function camera(t: Test, ingestId: string, roomId: string): Promise<number> {
  const { sdp } = await sfu.control.call('ingest.open', { ingestId, roomId, identity: 'door' });
  const peer = weriftPeer(CAMERA);
  const transceiver = peer.addTransceiver('video', { direction: 'sendonly' });
  await sfu.control.call('ingest.answer', { ingestId, sdp: await answerOffer(peer, sdp) });
  const sending = startCamera(transceiver.sender);
  t.teardown(async () => {
    sending.stop();
    await (peer as Closable).close();
  });
  return portOf(sdp);
}

const portOf = (sdp: string): number =>
  Number(/a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host/i.exec(sdp)?.[1]);

/** A browser with one peer connection for each `connectionId`. */
async function wall(t: Test) {
  const client = await SignalingClient.open(sfu.url(sfu.ticket({ role: 'viewer' })));
  const peers = new Map<string, RTCPeerConnection>();
  const pictures = new Map<string, Picture>();
  client.onFrame((frame: Frame) => {
    if (frame.type !== 'offer') return;
    const connectionId = frame['connectionId'] as string | undefined;
    const peer = peers.get(connectionId ?? '') ?? weriftPeer(VIEWER);
    if (!peers.has(connectionId ?? '')) {
      peers.set(connectionId ?? '', peer);
      peer.onTrack.subscribe((track) => pictures.set(connectionId ?? '', new Picture(track)));
    }
    void answerOffer(peer, frame['sdp'] as string).then((sdp) => {
      client.send('answer', { sdp, connectionId });
    });
  });
  t.teardown(async () => {
    client.terminate();
    for (const peer of peers.values()) await (peer as Closable).close();
  });
  /** The first picture of a connection. */
  const picture = async (connectionId: string): Promise<Picture> => {
    for (let turn = 0; turn < 1500; turn += 1) {
      const known = pictures.get(connectionId);
      if (known !== undefined) return known;
      await pause(20);
    }
    throw new Error(`no picture on ${connectionId}`);
  };
  return { client, peers, picture };
}

const workers = async () => (await sfu.control.call('status', {})).workers ?? [];
/** The index of the worker that has a room. */
async function workerOf(roomId: string): Promise<number> {
  for (const { index } of await workers()) {
    const path = sfu.config.controlSocket.replace(/\.sock$/, `.w${index}.sock`);
    const { client } = await ControlClient.open({
      path,
      methods: sfuControlMethods,
      events: {},
      onEvent: () => undefined,
    });
    const { rooms } = await client.call('rooms.list', {});
    client.close();
    if (rooms.some((room) => room.roomId === roomId)) return index;
  }
  throw new Error(`no worker has the room ${roomId}`);
}
/** Status as soon as it is so. */
async function workersWhen(are: (all: Awaited<ReturnType<typeof workers>>) => boolean) {
  for (let turn = 0; turn < 600; turn += 1) {
    const all = await workers();
    if (are(all)) return all;
    await pause(50);
  }
  throw new Error(`the workers are ${JSON.stringify(await workers())}`);
}

t.test('rooms are spread, each worker with a media port of its own', async (t) => {
  const ports = [await camera(t, 'in-a', 'camera:a'), await camera(t, 'in-b', 'camera:b')];
  t.same(ports.toSorted(), [MEDIA.minPort, MEDIA.minPort + 1]);
  t.match(await workers(), [
    { index: 0, rooms: 1 },
    { index: 1, rooms: 1 },
  ]);
  const status = await sfu.control.call('status', {});
  t.match(status, { rooms: 2, publishers: 2 });
  const { rooms } = await sfu.control.call('rooms.list', {});
  t.same(rooms.map(({ roomId }) => roomId).toSorted(), ['camera:a', 'camera:b']);
  t.match(await sfu.control.call('rooms.get', { roomId: 'camera:b' }), { roomId: 'camera:b' });
  await t.rejects(sfu.control.call('rooms.get', { roomId: 'nowhere' }), { code: 'room_not_found' });
  t.equal((await sfu.control.call('ingest.list', {})).ingests.length, 2);

  // A client of before, with one connection: the rooms of one worker, and a sentence about the other.
  const { client, picture, peers } = await wall(t);
  client.send('join', { roomId: 'camera:a' });
  await client.next('welcome');
  await (await picture('')).frames(5);
  client.send('join', { roomId: 'camera:b', requestId: 'other' });
  t.match(await client.next('error'), { code: 'conflict', requestId: 'other', message: /sfu.workers/ });
  client.send('join', { roomId: 'quiet' });
  t.match(await client.next('welcome'), { roomId: 'quiet' }, 'a new room goes where the session is');
  client.send('leave', { roomId: 'nowhere' });
  t.match(await client.next('error'), { code: 'not_joined' });
  client.send('ping');
  t.ok(await client.next('pong'));
  t.same([...peers.keys()], ['']);
});

t.test('a wall has one connection for each worker, and outlives one', async (t) => {
  const c0 = await camera(t, 'in-c', 'camera:c');
  // Viewers of before may still count: rooms until one is in the other worker.
  let other = 'camera:d0';
  for (let at = 0; (await camera(t, `in-d${at}`, other)) === c0; at += 1) other = `camera:d${at + 1}`;
  const view = await wall(t);
  const { client } = view;
  const connectionOf = async (roomId: string): Promise<string> => {
    client.send('join', { roomId, connections: 'many' });
    return (await client.next('offer'))['connectionId'] as string;
  };
  const [c, d] = [await connectionOf('camera:c'), await connectionOf(other)];
  t.not(c, d);
  const [pictureC, pictureD] = [await view.picture(c), await view.picture(d)];
  await Promise.all([pictureC.frames(10), pictureD.frames(10)]);

  await sfu.control.call('rooms.create', { roomId: 'made', emptyTimeoutSeconds: null });
  const before = await workersWhen((all) => all.every(({ pid }) => pid !== null));
  const doomed = before[Number(c.split('.')[0])]!;
  process.kill(doomed.pid!, 'SIGKILL');

  t.match(await client.next('error'), { code: 'unavailable', connection: 'subscribe', connectionId: c });
  t.match(await client.next('welcome'), { roomId: 'camera:c' }, 'joined again by itself');
  await sfu.event('ingest', (data) => data['ingestId'] === 'in-c' && data['state'] === 'closed');
  await pictureD.frames(20);
  // The daemon dials the camera again, because the room is watched.
  await camera(t, 'in-c2', 'camera:c');
  const offer = await client.next('offer');
  t.not(offer['connectionId'], c, 'a new connection has a new id');
  await (await view.picture(offer['connectionId'] as string)).frames(10);
  await pictureD.frames(5);

  const after = await workersWhen((all) => all.every(({ pid }) => pid !== null));
  t.match(after[doomed.index], { restarts: 1 });
  t.not(after[doomed.index]!.pid, doomed.pid);
  t.match(await sfu.control.call('rooms.get', { roomId: 'made' }), { roomId: 'made' }, 'made again');
});

t.test('who is muted stays so when the room’s worker dies', async (t) => {
  const { client } = await wall(t);
  const loud = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'loud' })));
  t.teardown(() => loud.close());
  loud.send('join', { roomId: 'choir', connections: 'many' });
  const { participantId } = await loud.next('welcome');
  client.send('join', { roomId: 'choir', connections: 'many' });
  await client.next('welcome');
  const mute = {
    roomId: 'choir',
    participantId: participantId as string,
    kind: 'audio' as const,
    muted: true,
  };
  await sfu.control.call('rooms.mute', mute);
  const mutesOf = async (): Promise<unknown[]> => {
    const { entries } = await sfu.control.call('moderation.list', {});
    return entries.filter(({ roomId, muted }) => roomId === 'choir' && muted.length > 0);
  };
  t.match(await mutesOf(), [{ identity: 'loud', muted: ['audio'] }]);
  const home = await workersWhen((all) => all.every(({ pid }) => pid !== null));
  process.kill(home[await workerOf('choir')]!.pid!, 'SIGKILL');
  for (let turn = 0; (await mutesOf()).length > 0; turn += 1) {
    if (turn > 600) throw new Error('the worker lives on');
    await pause(20);
  }
  // Its session is over with its only worker; it comes back as a new one.
  const again = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'loud' })));
  t.teardown(() => again.close());
  again.send('join', { roomId: 'choir' });
  await again.next('welcome');
  for (let turn = 0; (await mutesOf()).length === 0; turn += 1) {
    if (turn > 600) throw new Error('nobody is muted any more');
    await pause(20);
  }
  t.match(await mutesOf(), [{ identity: 'loud', muted: ['audio'] }]);
  await workersWhen((all) => all.every(({ pid }) => pid !== null));
});

t.test('data messages reach the others of a room in its worker', async (t) => {
  const join = async (identity: string): Promise<DataPeer> => {
    const one = await DataPeer.join(sfu, VIEWER, ['talk'], { identity });
    t.teardown(() => one.close());
    one.signaling.send('open-data', {});
    await one.signaling.next('data-open');
    return one;
  };
  const [ada, bob] = [await join('ada'), await join('bob')];
  const [fromAda] = await Promise.all([ada.open('a'), bob.open('a')]);
  say(fromAda, 'hello');
  await bob.until('Ada', () => bob.heard.some(({ text }) => text === 'hello'));
  t.match(bob.heard, [{ roomId: 'talk', participantId: ada.participantId, text: 'hello' }]);
});

t.test('a client with a connection for each worker has channels in each', async (t) => {
  // A room in each worker, found by where they are placed.
  const homes = new Map<number, string>();
  const scouts = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'scout' })));
  t.teardown(() => scouts.close());
  for (let at = 0; homes.size < 2 && at < 20; at += 1) {
    scouts.send('join', { roomId: `say-${at}`, connections: 'many' });
    await scouts.next('welcome');
    homes.set(await workerOf(`say-${at}`), `say-${at}`);
  }
  const rooms = [...homes.values()];
  t.equal(rooms.length, 2);

  const both = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'both' })));
  t.teardown(() => both.close());
  for (const roomId of rooms) {
    both.send('join', { roomId, connections: 'many' });
    await both.next('welcome');
  }
  both.send('open-data', { requestId: 'which' });
  t.match(await both.next('error'), { code: 'invalid_request', requestId: 'which', message: /roomId/ });
  const ids = new Set<unknown>();
  const speakers: DataPeer[] = [];
  for (const roomId of rooms) {
    const speaker = await DataPeer.join(sfu, VIEWER, [roomId], { identity: `in ${roomId}` });
    t.teardown(() => speaker.close());
    speakers.push(speaker);
    speaker.signaling.send('open-data', {});
    await speaker.signaling.next('data-open');
    both.send('open-data', { requestId: roomId, roomId });
    const opened = await both.next('data-open');
    t.equal(opened['requestId'], roomId);
    const { connectionId } = opened as unknown as { connectionId: string };
    ids.add(connectionId);
    const mine = DataPeer.on(both, VIEWER, connectionId);
    t.teardown(() => mine.peer.close());
    const [channel, theirs] = await Promise.all([mine.open('a'), speaker.open('a')]);
    say(channel, `to ${roomId}`, roomId);
    await speaker.until('what both say', () => speaker.heard.length > 0);
    say(theirs, `from ${roomId}`);
    await mine.until('an answer', () => mine.heard.length > 0);
    t.match(mine.heard, [{ text: `from ${roomId}` }]);
  }
  t.equal(ids.size, 2);
  t.same(
    speakers.map((one) => one.heard.map(({ text }) => text)),
    rooms.map((roomId) => [`to ${roomId}`]),
    'each room hears what was said to it',
  );
});

t.test('a session is resumed in all its workers, and ends in all', async (t) => {
  const first = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'bea' })));
  const { resumeToken } = (await first.next('session')) as unknown as { resumeToken: string };
  for (const roomId of ['one', 'two']) first.send('join', { roomId, connections: 'many' });
  await first.next('welcome');
  await first.next('welcome');
  first.terminate();
  const second = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'bea' })));
  second.send('resume', { resumeToken });
  await second.next('session', (frame) => frame['resumed'] === true);
  const rooms = [await second.next('welcome'), await second.next('welcome')].map((one) => one['roomId']);
  t.same(rooms.toSorted(), ['one', 'two']);
  t.same(await sfu.control.call('sessions.kick', { identity: 'bea', reason: 'Enough.' }), { ended: 1 });
  t.match(await second.next('kicked'), { roomId: null });
  for (let turn = 0; ; turn += 1) {
    const { participants } = await sfu.control.call('rooms.get', { roomId: 'one' });
    if (participants.length === 0) break;
    if (turn > 200) throw new Error('still there');
    await pause(50);
  }
});

t.test('a worker that hangs is ended and is back; the service answers meanwhile', async (t) => {
  const before = await workersWhen((all) => all.every(({ pid }) => pid !== null));
  const hung = before[1]!;
  process.kill(hung.pid!, 'SIGSTOP');
  t.match(await sfu.control.call('status', {}), { ready: true });
  const after = await workersWhen((all) => all[1]!.pid !== null && all[1]!.pid !== hung.pid);
  t.equal(after[0]!.pid, before[0]!.pid, 'the other runs on');
});

t.test('a drain ends the service and its workers', async (t) => {
  const pids = (await workers()).map(({ pid }) => pid!);
  const code = sfu.exited();
  await sfu.control.call('drain', { deadlineMs: 0 });
  t.equal(await code, DRAINED_EXIT_CODE);
  for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

t.test('workers do not outlive a service that is killed', async (t) => {
  await sfu.spawn();
  await sfu.connect();
  const pids = (await workers()).map(({ pid }) => pid!);
  process.kill(sfu.pid, 'SIGKILL');
  for (let turn = 0; pids.some(isAlive); turn += 1) {
    if (turn > 600) throw new Error('a worker lives on');
    await pause(50);
  }
  t.pass();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
