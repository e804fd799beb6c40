/** Camera to viewer through a real SFU process: ingest, subscribe, reconnect, slots, ICE restart. */
import t, { type Test } from 'tap';
import { useH264 } from 'werift';
import { SfuProcess } from '../helpers/sfu-process.ts';
import { SignalingClient, type Frame } from '../helpers/sfu-signaling-client.ts';
import {
  answerOffer,
  gatheredSdp,
  Picture,
  relayOf,
  startCamera,
  weriftPeer,
} from '../helpers/sfu-werift-peer.ts';

t.setTimeout(170_000);
const SHIELD = '127.0.13.1';
const CAMERA = '127.0.13.20';
const VIEWER = '127.0.13.21';

const sfu = await SfuProcess.start(SHIELD, (config) => ({
  ...config,
  relays: [relayOf(CAMERA), relayOf(VIEWER)],
}));
t.teardown(() => sfu.stop());

type Closable = { close: () => Promise<unknown> };
async function camera(t: Test, ingestId: string, roomId: string, sps?: Buffer) {
  const { sdp } = await sfu.control.call('ingest.open', { ingestId, roomId, identity: 'door' });
  const peer = weriftPeer(CAMERA, sps === undefined ? undefined : [useH264()]);
  const transceiver = peer.addTransceiver('video', { direction: 'sendonly' });
  const answer = await answerOffer(peer, sdp);
  await sfu.control.call('ingest.answer', { ingestId, sdp: answer });
  const sending = startCamera(transceiver.sender, sps);
  t.teardown(async () => {
    sending.stop();
    await (peer as Closable).close();
  });
  return { peer, sending, offer: sdp };
}

/** A browser: answers every offer of its subscribe connection. */
async function viewer(t: Test) {
  const client = await SignalingClient.open(sfu.url(sfu.ticket({ role: 'viewer' })));
  const peer = weriftPeer(VIEWER);
  const pictures: Picture[] = [];
  peer.onTrack.subscribe((track) => pictures.push(new Picture(track)));
  let tail = Promise.resolve();
  let offers = 0;
  const slots = new Map<string, string | null>();
  client.onFrame((frame: Frame) => {
    if (frame.type === 'slot') slots.set(frame['mid'] as string, frame['trackId'] as string | null);
    if (frame.type !== 'offer') return;
    offers += 1;
    for (const [mid, trackId] of Object.entries(frame['mids'] as Record<string, string>))
      slots.set(mid, trackId);
    tail = tail.then(async () => {
      client.send('answer', { sdp: await answerOffer(peer, frame['sdp'] as string) });
      // After an ICE restart werift as a viewer has the fault that the SFU's adapter cures.
      for (const ice of peer.iceTransports) {
        if (offers > 1 && ice.connection.nominated === undefined) ice.start().catch(() => undefined);
      }
    });
  });
  t.teardown(async () => {
    client.terminate();
    await peer.close();
  });
  return { client, peer, pictures, slots, offers: () => offers };
}

async function firstPicture(pictures: Picture[]): Promise<Picture> {
  const endMs = Date.now() + 30_000;
  while (pictures.length === 0) {
    if (Date.now() > endMs) throw new Error('no track');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return pictures[0]!;
}

t.test(
  'a viewer who waits in the room gets the camera, and a re-dialled camera without a new offer',
  async (t) => {
    const room = 'camera:one';
    const view = await viewer(t);
    view.client.send('join', { roomId: room });
    const welcome = await view.client.next('welcome');
    t.equal((welcome['tracks'] as unknown[]).length, 0);
    await sfu.event('demand', (data) => data['roomId'] === room && data['subscribers'] === 1);

    const first = await camera(t, 'ingest-1', room);
    t.match(first.offer, /a=rtcp-mux-only/);
    t.match(first.offer, /a=msid:/);
    t.notMatch(first.offer, /a=ice-lite/);
    await sfu.event('ingest', (data) => data['ingestId'] === 'ingest-1' && data['state'] === 'flowing');
    const added = await view.client.next('track-added');
    const picture = await firstPicture(view.pictures);
    const numbers = await picture.frames(20);
    t.ok(
      numbers.every((number, at) => at === 0 || number > numbers[at - 1]!),
      'frames come decrypted and in order',
    );
    const trackId = (added['track'] as { trackId: string }).trackId;
    t.same([...view.slots.values()], [trackId]);
    const { ingests } = await sfu.control.call('ingest.list', {});
    t.match(ingests[0], { state: 'flowing', video: { codec: 'VP8', width: 320, height: 240 } });
    const { participants } = await sfu.control.call('rooms.get', { roomId: room });
    t.match(participants, [
      { kind: 'session', identity: 'ada', tracks: [], subscriptions: 1 },
      { kind: 'camera', identity: 'door', tracks: [{ mimeType: 'video/VP8', watchers: 1 }] },
    ]);
    const received = participants[1]!.tracks[0]!;
    t.match(received.encodings, [{ rid: null, width: 320, height: 240 }]);
    t.ok(received.bitsPerSecond > 0 && received.encodings[0]!.lastPacketAtMs !== null, 'figures are real');

    const why = async () => {
      const { viewers } = await sfu.control.call('rooms.viewers', { roomId: room });
      t.match(
        viewers,
        [{ identity: 'ada', participantId: welcome['participantId'] }],
        'a camera is no viewer',
      );
      return { ...viewers[0]!.timelines[0]!, sent: viewers[0]!.sent[received.trackId]! };
    };
    const before = await why();
    t.match(before, { missing: 'decoded', sentence: /has not reported a decoded frame/ });
    t.match(before.sent, { rid: null, nacksUnanswerable: 0 });
    t.ok(before.sent.packets > 0 && before.sent.bytes > before.sent.packets, 'what was sent to it is told');
    const times = before.steps.slice(0, -1).map(({ atMs }) => atMs ?? NaN);
    t.same(times, [...times].sort(), 'every step was seen, in order');
    view.client.send('stats', { trackId: received.trackId, figures: { framesDecoded: 3 } });
    view.client.send('ping');
    await view.client.next('pong');
    t.match(await why(), { missing: null, sentence: 'It has a picture.' });
    const { participantId } = participants[1]!;
    const mute = (muted: boolean) => sfu.control.call('rooms.mute', { roomId: room, participantId, muted });
    t.same(await mute(true), { tracks: 1 });
    t.match(await view.client.next('track-state'), { trackId: received.trackId, muted: true, forced: true });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const silentAt = picture.numbers.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    t.equal(picture.numbers.length, silentAt, 'nothing is sent while a moderator has it muted');
    t.same(await mute(false), { tracks: 1 });
    await picture.frames(5);

    first.sending.stop();
    await first.peer.close();
    const offersBefore = view.offers();
    const second = await camera(t, 'ingest-2', room);
    await sfu.event('ingest', (data) => data['ingestId'] === 'ingest-1' && data['state'] === 'closed');
    await sfu.event('ingest', (data) => data['ingestId'] === 'ingest-2' && data['state'] === 'flowing');
    await picture.frames(20);
    t.equal(view.offers(), offersBefore, 'no new offer');
    t.notOk(
      view.client.frames.some((frame) => frame.type === 'track-removed'),
      'the track stayed',
    );

    second.sending.stop();
    await view.client.next('source-lost');
    const third = await camera(t, 'ingest-3', room);
    await view.client.next('source-back');
    await picture.frames(5);
    t.equal(view.offers(), offersBefore);
    third.sending.stop();
  },
);

t.test('a free section is used again for the same codec, and pausing stops the packets', async (t) => {
  await camera(t, 'ingest-a', 'camera:a');
  await camera(t, 'ingest-b', 'camera:b');
  await sfu.event('ingest', (data) => data['ingestId'] === 'ingest-b' && data['state'] === 'flowing');
  const view = await viewer(t);
  view.client.send('join', { roomId: 'camera:a' });
  const picture = await firstPicture(view.pictures);
  await picture.frames(5);
  view.client.send('leave', { roomId: 'camera:a' });
  await view.client.next('slot', (frame) => frame['trackId'] === null);
  view.client.send('join', { roomId: 'camera:b' });
  const slot = await view.client.next('slot', (frame) => frame['trackId'] !== null);
  t.equal(slot['mid'], '0');
  await picture.frames(5);
  t.equal(view.offers(), 1, 'one offer for both cameras');

  view.client.send('track-state', { trackId: slot['trackId'], paused: true });
  await view.client.next('track-state', (frame) => frame['paused'] === true);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = picture.numbers.length;
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.equal(picture.numbers.length, before, 'nothing is sent while paused');
  view.client.send('track-state', { trackId: slot['trackId'], paused: false });
  await picture.frames(5);
});

t.test(
  'a camera that restarts with another profile: offered anew, and sent as before until then',
  async (t) => {
    const baseline = Buffer.from('6742c01fd9005005bb0110000003001000000303c0f1832480', 'hex');
    const main = Buffer.from('674d401ed900a02ff970110000030001000003003c0f162e48', 'hex');
    const { sending } = await camera(t, 'ingest-p', 'camera:p', baseline);
    const view = await viewer(t);
    view.client.send('join', { roomId: 'camera:p' });
    const picture = await firstPicture(view.pictures);
    await picture.frames(40);
    t.equal(view.offers(), 1);
    const before = picture.payloadType;
    sending.sps = main;
    const offer = await view.client.next('offer', (frame) => String(frame['sdp']).includes('4d001e'));
    const sdp = String(offer['sdp']);
    const types = /m=video 9 \S+ ([\d ]+)/.exec(sdp)![1]!.split(' ').map(Number);
    t.ok(types.includes(before), 'what is in use is offered too');
    t.match(sdp, new RegExp(`a=fmtp:${types[0]} .*profile-level-id=4d001e`), 'the new one first');
    const [track] = (await sfu.control.call('rooms.get', { roomId: 'camera:p' })).participants.flatMap(
      (one) => one.tracks,
    );
    t.match(track!.fmtp, /4d001e/);
    await picture.frames(40);
    t.equal(picture.payloadType, types[0], 'sent by the new payload type');
    // Back again: both configurations have their payload types for good.
    sending.sps = baseline;
    await picture.frames(70);
    t.equal(view.offers(), 3);
    t.equal(picture.payloadType, before);
  },
);

t.test('an ICE restart moves the picture to new credentials', async (t) => {
  await camera(t, 'ingest-r', 'camera:r');
  const view = await viewer(t);
  view.client.send('join', { roomId: 'camera:r' });
  const picture = await firstPicture(view.pictures);
  await picture.frames(5);
  const ufrag = /a=ice-ufrag:(\S+)/;
  const before = ufrag.exec(view.client.frames.find((frame) => frame.type === 'offer')!['sdp'] as string)![1];
  view.client.send('restart', {});
  const offer = await view.client.next('offer', (frame) => ufrag.exec(frame['sdp'] as string)![1] !== before);
  t.ok(offer);
  await picture.frames(60);
  // Only the SFU's own checks, with the new credentials, can have nominated a pair here.
  t.ok(view.peer.iceTransports[0]?.connection.nominated, 'the new generation has a pair');
});

t.test(
  'after a restart of the relays every viewer is offered new ICE, and publishers are told',
  async (t) => {
    await camera(t, 'ingest-n', 'camera:n');
    const view = await viewer(t);
    view.client.send('join', { roomId: 'camera:n' });
    const picture = await firstPicture(view.pictures);
    await picture.frames(5);

    const publisher = await SignalingClient.open(sfu.url(sfu.ticket()));
    const peer = weriftPeer(CAMERA);
    t.teardown(async () => {
      publisher.terminate();
      await peer.close();
    });
    publisher.send('join', { roomId: 'meeting', subscribe: 'none' });
    await publisher.next('welcome');
    peer.addTransceiver('video', { direction: 'sendonly' });
    await peer.setLocalDescription(await peer.createOffer());
    publisher.send('offer', { roomId: 'meeting', sdp: await gatheredSdp(peer) });
    await publisher.next('answer');
    const idle = await SignalingClient.open(sfu.url(sfu.ticket()));
    await idle.next('turn-credentials');
    t.teardown(() => idle.terminate());

    const ufrag = /a=ice-ufrag:(\S+)/;
    const before = ufrag.exec(
      view.client.frames.find((frame) => frame.type === 'offer')!['sdp'] as string,
    )![1];
    const { sessions } = await sfu.control.call('relays.restarted', {});
    t.ok(sessions >= 2, 'these two, and those of former tests that may still be resumed');
    await view.client.next('offer', (frame) => ufrag.exec(frame['sdp'] as string)![1] !== before);
    await picture.frames(60);
    t.ok(view.peer.iceTransports[0]?.connection.nominated, 'the new generation has a pair');
    const again = await publisher.next('turn-credentials');
    t.match(again, { iceTransportPolicy: 'relay', ttl: 600 });
    const count = (client: SignalingClient, type: string): number =>
      client.frames.filter((frame) => frame.type === type).length;
    t.equal(count(view.client, 'turn-credentials'), 1, 'a viewer needs no more than the offer');
    t.equal(count(idle, 'turn-credentials'), 1, 'nor does who has no connection');
    t.equal(count(view.client, 'error') + count(publisher, 'error'), 0);
  },
);

t.test('it ends with 0 on SIGTERM', async (t) => {
  t.equal(await sfu.stop(), 0);
});
