/** What a page publishes: offers, ids, mute, unpublish, and the ladder when the connection fails. */
import t from 'tap';
import { guessSource } from '../../client/publication.ts';
import { publishRepair } from '../../client/recovery.ts';
import { receivedFigures, sentFigures, withRate } from '../../client/track-figures.ts';
import { clientOnFakes } from './client-on-fakes.ts';
import { settle } from './fake-timers.ts';

// The browser's list of codecs; nothing is chosen from it here.
Object.assign(globalThis, { RTCRtpSender: { getCapabilities: () => ({ codecs: [] }) } });

class FakeTrack extends EventTarget {
  enabled = true;
  readonly kind: string;
  readonly settings: object;
  constructor(kind: string, settings: object = {}) {
    super();
    this.kind = kind;
    this.settings = settings;
  }
  getSettings = () => this.settings;
}
const media = (kind: string, settings?: object) =>
  new FakeTrack(kind, settings) as unknown as MediaStreamTrack;
const welcome = (me = 'me') => ({
  roomId: 'lobby',
  participantId: me,
  participants: [],
  tracks: [],
  sourceLost: null,
});

async function joined() {
  const all = clientOnFakes();
  const room = all.client.join('lobby');
  await all.begin();
  all.socket().receive('welcome', welcome());
  const answer = async (mids: Record<string, string>) => {
    const { requestId } = all.socket().of('offer').at(-1)!;
    all.socket().receive('answer', { requestId, connection: 'publish', sdp: 'v=0', mids });
    await settle();
  };
  return { ...all, room, answer };
}

t.test('camera, microphone and screen go over one connection, through relays only', async (t) => {
  const { room, socket, connections, answer } = await joined();
  const camera = room.publish(media('video'));
  const microphone = room.publish(media('audio'));
  const heard: unknown[] = [];
  camera.on('published', ({ trackId }) => heard.push(trackId));
  await settle();
  t.match(socket().of('offer'), [
    {
      connection: 'publish',
      roomId: 'lobby',
      tracks: [
        { mid: '0', source: 'camera' },
        { mid: '1', source: 'microphone' },
      ],
    },
  ]);
  const screen = room.publish(media('video', { displaySurface: 'monitor' }), {
    encodings: [{ rid: 'q', scaleResolutionDownBy: 4 }],
  });
  await settle();
  t.equal(socket().of('offer').length, 1, 'one offer at a time');
  await answer({ '0': 'cam', '1': 'mic' });
  t.same(heard, ['cam']);
  t.equal(socket().of('offer').length, 2);
  await answer({ '0': 'cam', '1': 'mic', '2': 'scr' });
  t.same([camera.trackId, microphone.trackId, screen.trackId], ['cam', 'mic', 'scr']);
  t.same(heard, ['cam'], 'told once');
  t.equal(connections.length, 1);
  t.equal(connections[0]!.configurations[0]?.iceTransportPolicy, 'relay');
  t.match(connections[0]!.senders[2]!.init, { sendEncodings: [{ rid: 'q' }] });

  screen.unpublish();
  await settle();
  t.equal(screen.state, 'ended');
  t.equal(connections[0]!.senders[2]!.direction, 'inactive');
  t.equal(socket().of('offer').length, 3, 'the server is told');
  await answer({ '0': 'cam', '1': 'mic' });
  room.publish(media('video'));
  await settle();
  t.equal(connections[0]!.senders.length, 3, 'an idle section is used again');
});

t.test('mute is told, and told again to a new session', async (t) => {
  const { room, socket, answer, timers, begin, connections } = await joined();
  const track = media('video');
  const camera = room.publish(track);
  await settle();
  camera.setMuted(true);
  t.notOk(track.enabled);
  t.same(socket().of('track-state'), [], 'nobody knows the track yet');
  await answer({ '0': 'cam' });
  t.match(socket().of('track-state'), [{ trackId: 'cam', muted: true }]);

  socket().breaks();
  await timers.advance(300);
  await begin(true);
  socket().receive('welcome', welcome());
  await settle();
  t.same(socket().of('offer'), [], 'a resumed session has it');

  socket().breaks();
  await timers.advance(300);
  await settle();
  socket().open();
  socket().receive('error', { requestId: 'resume', code: 'resume_failed', message: 'Too late.' });
  const session = { sessionId: 's2', identity: 'key:1', resumeToken: 'x', resumed: false, serverTimeMs: 1 };
  socket().receive('session', session);
  t.equal(camera.state, 'waiting');
  t.ok(connections[0]!.closed);
  socket().receive('welcome', welcome('me2'));
  await settle();
  t.equal(connections.length, 2);
  await answer({ '0': 'cam2' });
  t.equal(camera.trackId, 'cam2');
  t.match(socket().of('track-state'), [{ trackId: 'cam2', muted: true }]);
});

t.test('an offer that was lost with the socket is sent again', async (t) => {
  const { room, socket, timers, begin, answer } = await joined();
  const camera = room.publish(media('video'));
  await settle();
  const [lost] = socket().of('offer');
  socket().breaks();
  await timers.advance(300);
  await begin(true);
  t.match(socket().of('offer'), [{ requestId: lost!['requestId'], sdp: lost!['sdp'] }]);
  await answer({ '0': 'cam' });
  t.equal(camera.trackId, 'cam');
});

t.test('a refusal ends what it was about; a section that was not taken ends alone', async (t) => {
  const { client, room, socket, answer } = await joined();
  const reasons: unknown[] = [];
  const errors: unknown[] = [];
  client.on('error', (error) => errors.push(error));
  const camera = room.publish(media('video'));
  const second = room.publish(media('video'));
  second.on('ended', ({ reason }) => reasons.push(reason));
  await settle();
  await answer({ '0': 'cam' });
  t.equal(camera.state, 'published');
  t.match(reasons, [/did not take/]);
  camera.unpublish();
  await settle();
  await answer({});

  const third = room.publish(media('video'));
  third.on('ended', ({ reason }) => reasons.push(reason));
  await settle();
  const { requestId } = socket().of('offer').at(-1)!;
  socket().receive('error', { requestId, roomId: 'lobby', code: 'forbidden', message: 'Only watch.' });
  t.equal(reasons[1], 'Only watch.');
  t.match(errors, [{ code: 'forbidden', message: 'Only watch.', roomId: 'lobby' }]);
  t.equal(room.state, 'joined');
});

t.test('a connection that fails: ICE restart, new connection, new session', async (t) => {
  const { room, socket, sockets, connections, timers, answer } = await joined();
  room.publish(media('video'));
  await settle();
  await answer({ '0': 'cam' });
  connections[0]!.becomes('connected');
  connections[0]!.becomes('failed');
  await settle();
  t.equal(connections[0]!.restarts, 1);
  await answer({ '0': 'cam' });
  await timers.advance(10_000);
  t.ok(connections[0]!.closed);
  t.equal(connections.length, 2);
  await answer({ '0': 'cam2' });
  await timers.advance(10_000);
  await answer({ '0': 'cam3' });
  t.equal(connections.length, 3);
  socket().receive('pong', {});
  const before = sockets.length;
  await timers.advance(11_000);
  t.ok(sockets.length > before, 'then the session is given up');
  t.same([0, 1, 2, 3].map(publishRepair), ['ice-restart', 'new-connection', 'new-connection', 'new-session']);
});

t.test('restarted relays and an ended connection are repaired at once', async (t) => {
  const { room, socket, connections, answer } = await joined();
  room.publish(media('video'));
  await settle();
  await answer({ '0': 'cam' });
  connections[0]!.becomes('connected');
  const iceServers = [{ urls: ['turn:new'], username: 'u', credential: 'new' }];
  socket().receive('turn-credentials', { iceServers, ttl: 600 });
  await settle();
  t.equal(connections[0]!.restarts, 1);
  t.same(connections[0]!.configurations.at(-1)?.iceServers, iceServers);
  await answer({ '0': 'cam' });
  socket().receive('error', { code: 'unavailable', message: 'It ended.', connection: 'publish' });
  await settle();
  t.equal(connections.length, 2);
});

t.test('a source that ends is taken back; so is everything when the room is left', async (t) => {
  const { room, socket, connections, answer } = await joined();
  const track = media('video');
  const screen = room.publish(track);
  const sound = room.publish(media('audio'));
  await settle();
  await answer({ '0': 'scr', '1': 'mic' });
  track.dispatchEvent(new Event('ended'));
  t.equal(screen.state, 'ended');
  await settle();
  t.equal(socket().of('offer').length, 2);
  await answer({ '1': 'mic' });
  room.leave();
  t.equal(sound.state, 'ended');
  t.ok(connections[0]!.closed, 'no relay is held for nothing');
  t.throws(() => room.publish(media('audio')), /was left/);
});

t.test('figures out of reports', (t) => {
  const path = [
    { type: 'transport', id: 'T', selectedCandidatePairId: 'P' },
    { type: 'candidate-pair', id: 'P', localCandidateId: 'L', currentRoundTripTime: 0.05 },
    { type: 'local-candidate', id: 'L', candidateType: 'relay', relayProtocol: 'tls' },
    { type: 'codec', id: 'C', mimeType: 'video/VP8' },
  ];
  const inbound = (bytesReceived: number, timestamp: number) => [
    ...path,
    { type: 'inbound-rtp', trackIdentifier: 'other', bytesReceived: 1 },
    { type: 'inbound-rtp', trackIdentifier: 'r', codecId: 'C', timestamp, bytesReceived, jitter: 0.01 },
  ];
  const first = receivedFigures(inbound(1000, 1000), 'r');
  t.match(first, { codec: 'video/VP8', bytes: 1000, jitterMs: 10, roundTripMs: 50, relayProtocol: 'tls' });
  t.equal(first?.bitsPerSecond, null);
  const second = receivedFigures(inbound(3000, 3000), 'r')!;
  t.equal(withRate(second, first).bitsPerSecond, 8000);
  t.equal(withRate(first!, second).bitsPerSecond, null, 'another stream');
  t.equal(receivedFigures(path, 'r'), null);
  const outbound = (frameHeight: number, bytesSent: number) => ({
    type: 'outbound-rtp',
    frameHeight,
    bytesSent,
    qualityLimitationReason: frameHeight > 200 ? 'cpu' : 'none',
  });
  t.match(sentFigures([...path, outbound(180, 10), outbound(360, 20)]), {
    bytes: 30,
    height: 360,
    limitedBy: 'cpu',
  });
  t.equal(guessSource(media('audio')), 'microphone');
  t.equal(guessSource(media('video', { displaySurface: 'window' })), 'screen');
  t.end();
});
