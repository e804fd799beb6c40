/** What a page is told of the people in a room, what moderators may ask, and the figures it and the server are given. */
import t from 'tap';
import { clientOnFakes as setup } from './client-on-fakes.ts';
import { settle } from './fake-timers.ts';

// The browser's list of codecs; nothing is chosen from it here.
Object.assign(globalThis, { RTCRtpSender: { getCapabilities: () => ({ codecs: [] }) } });

const person = (id: string) => ({ participantId: id, identity: id, name: id });
const track = (trackId: string, change: object = {}) => ({
  ...{ trackId, roomId: 'lobby', participantId: 'bob', identity: 'bob', kind: 'video', source: 'camera' },
  ...{ mimeType: 'video/VP8', fmtp: '', muted: false },
  ...change,
});
async function joined(tracks: object[] = []) {
  const all = setup();
  const room = all.client.join('lobby');
  await all.begin();
  all.socket().receive('welcome', {
    roomId: 'lobby',
    participantId: 'me',
    participants: ['me', 'bob'].map(person),
    tracks,
    sourceLost: null,
  });
  return { ...all, room };
}

t.test('who speaks, who is muted and by whom, who was sent away', async (t) => {
  const { room, socket } = await joined([track('t1')]);
  const heard: unknown[] = [];
  room.on('active-speaker', (who) => heard.push(who?.name ?? null));
  room.on('muted', (muted) => heard.push(muted));
  room.on('participant-kicked', ({ participant, reason }) => heard.push(`${participant.name}: ${reason}`));
  room.on('participant-left', ({ name }) => heard.push(`-${name}`));
  socket().receive('active-speaker', { roomId: 'lobby', participantId: 'bob' });
  t.equal(room.activeSpeaker?.participantId, 'bob');
  socket().receive('active-speaker', { roomId: 'lobby', participantId: null });
  socket().receive('track-state', { trackId: 't1', muted: true, forced: true });
  t.match(room.tracks[0], { muted: true, forced: true });
  socket().receive('track-state', { trackId: 't1', muted: false });
  t.match(room.tracks[0], { muted: false, forced: false });
  socket().receive('peer-left', { roomId: 'lobby', participantId: 'bob', kicked: 'Noise.' });
  const whose = { trackId: 't1', participantId: 'bob' };
  t.same(heard, [
    'bob',
    null,
    { ...whose, muted: true, forced: true },
    { ...whose, muted: false, forced: false },
    'bob: Noise.',
    '-bob',
  ]);
});

t.test('a moderator mutes, sends away and closes; refusals are errors of the promise', async (t) => {
  const { client, room, socket, timers, connections } = await joined();
  const errors: unknown[] = [];
  client.on('error', (error) => errors.push(error));
  const answer = (type: string, frame: 'done' | 'error', data: object = {}): void => {
    socket().receive(frame, { requestId: socket().of(type).at(-1)?.['requestId'], ...data });
  };
  const muted = room.mute('bob', true, 'audio');
  t.match(socket().of('mute'), [{ roomId: 'lobby', participantId: 'bob', muted: true, kind: 'audio' }]);
  answer('mute', 'done');
  await muted;
  const kicked = room.kick('bob', { forSeconds: 60 });
  t.match(socket().of('kick'), [{ participantId: 'bob', forSeconds: 60 }]);
  t.notHas(socket().of('kick')[0], { reason: /./ }, 'what is left out is the server’s to choose');
  answer('kick', 'error', { code: 'forbidden', message: 'You may not.' });
  await t.rejects(kicked, { name: 'RequestError', code: 'forbidden', message: 'You may not.' });
  const late = t.rejects(room.close('Over.'), { code: 'unavailable', message: /did not answer/ });
  t.match(socket().of('close'), [{ roomId: 'lobby', reason: 'Over.' }]);
  await timers.advance(10_000);
  await late;
  const cut = t.rejects(room.close(), { code: 'unavailable', message: /did not answer/ });
  client.close();
  await cut;
  t.same(errors, [], 'nothing is told twice');
  t.equal(connections.length, 0);
  t.equal(timers.waiting, 0);
});

t.test('a track of ours that a moderator had muted says so, though it was told before its id', async (t) => {
  const { room, socket, connection } = await joined();
  const source = Object.assign(new EventTarget(), { kind: 'audio', enabled: true, id: 'mic' });
  const publication = room.publish(source as unknown as MediaStreamTrack);
  const heard: boolean[] = [];
  publication.on('forced', (forced) => heard.push(forced));
  await settle();
  t.ok(connection());
  const [offer] = socket().of('offer');
  socket().receive('track-state', { trackId: 'mine', muted: true, forced: true });
  const mids = { '0': 'mine' };
  socket().receive('answer', { requestId: offer?.['requestId'], connection: 'publish', sdp: 'v=0', mids });
  await settle();
  t.equal(publication.trackId, 'mine');
  t.ok(publication.forced);
  socket().receive('track-state', { trackId: 'mine', muted: false, forced: false });
  t.same(heard, [true, false]);
});

t.test('figures every five seconds, for the page and for the server', async (t) => {
  const { client, room, socket, connection, timers } = await joined([track('t1')]);
  socket().receive('offer', { connection: 'subscribe', sdp: 'v=0', mids: { '0': 't1' } });
  await settle();
  connection().becomes('connected');
  let reading = 0;
  const report = (): Map<string, object> => {
    reading += 1;
    const inbound = {
      ...{ id: 'in', type: 'inbound-rtp', trackIdentifier: 'receiver-0', timestamp: reading * 5000 },
      ...{ bytesReceived: reading * 625_000, packetsReceived: reading * 90, packetsLost: reading * 10 },
      ...{ framesDecoded: reading * 150, freezeCount: reading - 1, jitter: 0.004 },
    };
    const pair = { id: 'p', type: 'candidate-pair', selected: true, currentRoundTripTime: 0.05 };
    return new Map<string, object>([
      ['in', inbound],
      ['p', pair],
    ]);
  };
  Object.assign(connection(), { getStats: () => Promise.resolve(report()) });
  const told: number[] = [];
  client.on('stats', (all) => told.push(all.length));
  room.tracks[0]!.on('stats', ({ framesDecoded }) => told.push(framesDecoded));
  await timers.advance(5000);
  await timers.advance(5500);
  t.same(told, [150, 1, 300, 1]);
  const [first, second] = socket().of('stats');
  t.match(first, { trackId: 't1', figures: { framesDecoded: 150, freezes: 0, roundTripMs: 50 } });
  t.notHas((first as { figures: object }).figures, { bitsPerSecond: 1 }, 'what is not known is left out');
  t.match(second, { figures: { freezes: 1, lossRate: 0.1, bitsPerSecond: 1_000_000, jitterMs: 4 } });
  room.tracks[0]!.pause();
  await timers.advance(5500);
  t.equal(told.length, 4, 'of what is paused there is nothing to tell');
});
