/** One session and one connection for many rooms: what the server is told, and when. */
import t from 'tap';
import { NamespaceViewer } from '../../src/resources/namespace-viewer.ts';
import { transportsOf } from '../../client/relay-names.ts';
import { FakeConnection, FakeStream } from '../client/fake-connection.ts';
import { FakeSocket } from '../client/fake-socket.ts';
import { FakeTimers, settle } from '../client/fake-timers.ts';

function setup() {
  const timers = new FakeTimers();
  const sockets: FakeSocket[] = [];
  const connections: FakeConnection[] = [];
  const viewer = new NamespaceViewer({
    fetchTicket: () => Promise.resolve('ticket'),
    openSocket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    timers,
    isHidden: () => false,
    media: {
      createConnection: (configuration) => {
        const connection = new FakeConnection(configuration);
        connections.push(connection);
        return connection as unknown as RTCPeerConnection;
      },
      createStream: () => new FakeStream() as unknown as MediaStream,
      canPlay: (mimeType) => mimeType !== 'video/AV1',
    },
  });
  const socket = (): FakeSocket => sockets.at(-1)!;
  const begin = async (resumed = false): Promise<void> => {
    await settle();
    socket().open();
    socket().receive('session', {
      sessionId: 's',
      identity: 'mara',
      resumeToken: `t${sockets.length}`,
      resumed,
      serverTimeMs: 1,
    });
    if (!resumed) socket().receive('turn-credentials', credentials('first'));
  };
  return { timers, viewer, sockets, connections, socket, begin, connection: () => connections.at(-1)! };
}

const credentials = (password: string) => ({
  iceServers: [{ urls: ['turn:keep:3478?transport=udp'], username: 'u', credential: password }],
  iceTransportPolicy: 'relay',
  username: 'u',
  password,
  ttl: 600,
  uris: [],
});
const track = (room: string, mimeType = 'video/H264') => ({
  trackId: `track-${room}`,
  roomId: room,
  participantId: 'camera',
  identity: 'cam',
  kind: 'video',
  source: 'ingest',
  mimeType,
  fmtp: '',
  muted: false,
});
const welcome = (room: string, tracks: object[] = []) => ({
  roomId: room,
  participantId: 'p',
  participants: [],
  tracks,
  sourceLost: null,
});

async function playing(room = 'camera:1') {
  const all = setup();
  all.viewer.want(room, 'play');
  await all.begin();
  all.socket().receive('welcome', welcome(room, [track(room)]));
  all.socket().receive('offer', { connection: 'subscribe', sdp: 'v=0', mids: { '0': `track-${room}` } });
  await settle();
  all.connection().becomes('connected');
  return all;
}

t.test('one connection, through relays only, for every room', async (t) => {
  const { viewer, socket, connections, connection } = await playing();
  viewer.want('camera:2', 'play');
  t.same(
    socket()
      .of('join')
      .map((frame) => frame['roomId']),
    ['camera:1', 'camera:2'],
  );
  socket().receive('welcome', welcome('camera:2', [track('camera:2')]));
  socket().receive('offer', {
    connection: 'subscribe',
    sdp: 'v=0',
    mids: { '0': 'track-camera:1', '1': 'track-camera:2' },
  });
  await settle();
  t.equal(connections.length, 1);
  t.equal(connection().configurations[0]?.iceTransportPolicy, 'relay');
  t.equal(socket().of('answer').length, 2);
  t.same(
    viewer
      .room('camera:2')
      .stream.getTracks()
      .map((one) => one.id),
    ['receiver-1'],
  );
  viewer.close();
  t.ok(connection().closed);
});

t.test('a slot moves to another room without a new offer', async (t) => {
  const { viewer, socket } = await playing();
  viewer.want('camera:2', 'play');
  socket().receive('welcome', welcome('camera:2', [track('camera:2')]));
  viewer.want('camera:1', 'off');
  t.same(
    socket()
      .of('unsubscribe')
      .map((frame) => frame['roomId']),
    ['camera:1'],
  );
  socket().receive('slot', { mid: '0', trackId: 'track-camera:2' });
  await settle();
  t.same(
    viewer
      .room('camera:2')
      .stream.getTracks()
      .map((one) => one.id),
    ['receiver-0'],
  );
  viewer.want('camera:1', 'play');
  t.equal(socket().of('subscribe').length, 1);
  viewer.close();
});

t.test('asks for the size it is shown at, and again of a camera that is published anew', async (t) => {
  const { viewer, socket } = setup();
  viewer.setHeight('camera:1', 180);
  viewer.want('camera:1', 'play');
  await settle();
  socket().open();
  const session = { sessionId: 's', identity: 'mara', resumeToken: 't', resumed: false, serverTimeMs: 1 };
  socket().receive('session', session);
  const asked = () =>
    socket()
      .of('track-state')
      .map((frame) => [frame['trackId'], frame['height']]);
  socket().receive('welcome', welcome('camera:1', [track('camera:1')]));
  t.same(asked(), [['track-camera:1', 180]]);
  viewer.setHeight('camera:1', 180);
  viewer.setHeight('camera:1', 1080);
  socket().receive('track-removed', { roomId: 'camera:1', trackId: 'track-camera:1' });
  socket().receive('track-added', { track: { ...track('camera:1'), trackId: 'again' } });
  t.same(asked().slice(1), [
    ['track-camera:1', 1080],
    ['again', 1080],
  ]);
  viewer.close();
});

t.test('an operator ends the room: it stays ended until somebody wants it again', async (t) => {
  const { viewer, socket } = await playing();
  socket().receive('kicked', { roomId: 'camera:1', reason: 'Sent away.' });
  t.match(viewer.room('camera:1').refusal, { code: 'kicked', message: 'Sent away.', retryAtMs: null });
  t.equal(socket().of('join').length, 1);
  viewer.retryNow('camera:1');
  t.equal(socket().of('join').length, 2);
  t.equal(viewer.room('camera:1').refusal, null);
  viewer.close();
});

t.test('pauses, and says it again after a resumed socket', async (t) => {
  const { viewer, socket, timers, begin, connections } = await playing();
  viewer.want('camera:1', 'paused');
  t.same(
    socket()
      .of('track-state')
      .map((frame) => frame['paused']),
    [true],
  );
  socket().breaks();
  viewer.want('camera:1', 'play');
  await timers.advance(300);
  await begin(true);
  // What the server says to a session that goes on.
  socket().receive('welcome', welcome('camera:1', [track('camera:1')]));
  t.same(
    socket()
      .of('track-state')
      .map((frame) => frame['paused']),
    [false],
  );
  t.same(socket().of('join'), [], 'the room was not left');
  t.equal(connections.length, 1);
  t.notOk(connections[0]?.closed, 'media went on');
  viewer.close();
});

t.test('a fresh session joins everything again over a new connection', async (t) => {
  const { viewer, socket, timers, connections } = await playing();
  const { stream } = viewer.room('camera:1');
  socket().breaks();
  await timers.advance(300);
  await settle();
  socket().open();
  socket().receive('session', {
    sessionId: 's2',
    identity: 'm',
    resumeToken: 'x',
    resumed: false,
    serverTimeMs: 1,
  });
  socket().receive('error', { requestId: 'resume', code: 'resume_failed', message: 'over' });
  t.ok(connections[0]?.closed);
  t.equal(stream.getTracks().length, 1, 'the last picture stays until there is another');
  socket().receive('turn-credentials', credentials('second'));
  t.equal(socket().of('join').length, 1);
  socket().receive('welcome', welcome('camera:1', [track('camera:1')]));
  socket().receive('offer', { connection: 'subscribe', sdp: 'v=0', mids: { '0': 'track-camera:1' } });
  await settle();
  t.equal(connections.length, 2);
  t.equal(viewer.room('camera:1').stream, stream, 'in the same stream');
  t.equal(stream.getTracks().length, 1);
  viewer.close();
});

t.test('fresh credentials reach the connection; early candidates wait for the description', async (t) => {
  const { viewer, socket, connection, begin } = setup();
  viewer.want('camera:1', 'play');
  await begin();
  socket().receive('welcome', welcome('camera:1', [track('camera:1')]));
  socket().receive('offer', { connection: 'subscribe', sdp: 'v=0', mids: { '0': 'track-camera:1' } });
  socket().receive('ice-candidate', {
    connection: 'subscribe',
    candidate: { candidate: 'candidate:1', sdpMid: '0' },
  });
  await settle();
  t.equal(connection().candidates.length, 1);
  socket().receive('refresh-credentials', credentials('second'));
  t.equal((connection().configurations[1]?.iceServers?.[0] as { credential: string }).credential, 'second');
  viewer.close();
});

t.test('climbs the ladder when every picture stops', async (t) => {
  const { viewer, timers, sockets } = await playing();
  viewer.frameShown('camera:1');
  for (let tick = 0; tick < 60; tick++) {
    await timers.advance(500);
  }
  const first = sockets[0]!;
  t.equal(first.of('key-frame').length, 1);
  t.equal(first.of('restart').length, 1);
  t.ok(sockets.length >= 2, 'and at last a new session');
  t.not(viewer.room('camera:1').recovery?.rung, 'key-frame');
  viewer.close();
});

t.test('leaves the connection alone while another picture flows, or the camera is away', async (t) => {
  const { viewer, socket, timers, sockets } = await playing();
  viewer.want('camera:2', 'play');
  socket().receive('welcome', welcome('camera:2', [track('camera:2')]));
  for (let tick = 0; tick < 60; tick++) {
    await timers.advance(500);
    socket().receive('pong', {});
    viewer.frameShown('camera:2');
  }
  t.equal(sockets.length, 1);
  t.same(socket().of('restart'), []);
  t.ok(socket().of('key-frame').length > 1);
  const asked = socket().of('key-frame').length;
  socket().receive('source-lost', { roomId: 'camera:1', message: 'The camera is away.', sinceMs: 1 });
  for (let tick = 0; tick < 20; tick++) {
    await timers.advance(500);
    socket().receive('pong', {});
    viewer.frameShown('camera:2');
  }
  t.equal(socket().of('key-frame').length, asked);
  t.equal(viewer.room('camera:1').recovery, null);
  viewer.close();
});

t.test('a failed connection restarts ICE at once, then begins anew', async (t) => {
  const { viewer, socket, connection, timers, sockets } = await playing();
  connection().becomes('failed');
  t.equal(socket().of('restart').length, 1);
  await timers.advance(6500);
  t.equal(sockets.length, 2);
  viewer.close();
});

t.test('no relay candidate at all means the network blocks the video', async (t) => {
  const { viewer, socket, connection, begin } = setup();
  viewer.want('camera:1', 'play');
  await begin();
  socket().receive('welcome', welcome('camera:1', [track('camera:1')]));
  socket().receive('offer', { connection: 'subscribe', sdp: 'v=0', mids: {} });
  await settle();
  connection().iceGatheringState = 'gathering';
  connection().onicegatheringstatechange?.();
  t.equal(viewer.state.blocked, null);
  connection().iceGatheringState = 'complete';
  connection().onicegatheringstatechange?.();
  t.same(viewer.state.blocked, ['udp 3478']);
  connection().onicecandidate?.({
    candidate: { type: 'relay', candidate: 'c', sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'x' },
  });
  t.equal(viewer.state.blocked, null);
  viewer.close();
});

t.test('refusals: retried when it can help, final when not', async (t) => {
  const { viewer, socket, timers, begin } = setup();
  viewer.want('camera:1', 'play');
  viewer.want('camera:2', 'play');
  await begin();
  const [one, two] = socket().of('join');
  socket().receive('error', { requestId: one?.['requestId'], code: 'room_full', message: 'Full.' });
  socket().receive('error', { requestId: two?.['requestId'], code: 'forbidden', message: 'No.' });
  t.match(viewer.room('camera:1').refusal, { code: 'room_full', retryAtMs: timers.now() + 20_000 });
  t.match(viewer.room('camera:2').refusal, { code: 'forbidden', retryAtMs: null });
  for (let second = 0; second < 21; second++) {
    await timers.advance(1000);
    socket().receive('pong', {});
  }
  t.equal(
    socket()
      .of('join')
      .filter((frame) => frame['roomId'] === 'camera:1').length,
    2,
  );
  t.equal(
    socket()
      .of('join')
      .filter((frame) => frame['roomId'] === 'camera:2').length,
    1,
  );
  viewer.close();
  t.equal(timers.waiting, 0, 'closing leaves no timer');
});

t.test('a codec the browser cannot play is known before any media', async (t) => {
  const { viewer, socket, begin } = setup();
  viewer.want('camera:1', 'play');
  await begin();
  socket().receive('welcome', welcome('camera:1', [track('camera:1', 'video/AV1')]));
  t.equal(viewer.room('camera:1').unsupportedCodec, 'AV1');
  t.equal(socket().of('unsubscribe').length, 1);
  viewer.close();
});

t.test('sleeping gives everything back; wanting wakes', async (t) => {
  const { viewer, connection, sockets, begin, socket } = await playing();
  viewer.want('camera:1', 'off');
  viewer.sleep();
  t.ok(connection().closed);
  t.ok(sockets[0]?.closed);
  viewer.want('camera:1', 'play');
  await begin();
  t.equal(socket().of('join').length, 1);
  viewer.close();
});

t.test('names of transports', (t) => {
  t.same(
    transportsOf([
      'turn:h:3478?transport=udp',
      'turn:h:3478?transport=tcp',
      'turns:h:5349?transport=tcp',
      'turn:[::1]:3478',
      'turns:h',
    ]),
    ['udp 3478', 'tcp 3478', 'tls 5349'],
  );
  t.end();
});
