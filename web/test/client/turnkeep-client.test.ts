/** Rooms and tracks as a page sees them: events, wishes, and what outlives a session. */
import t from 'tap';
import { signalUrl } from '../../client/signal-url.ts';
import { clientOnFakes as setup } from './client-on-fakes.ts';
import type { FakeSocket } from './fake-socket.ts';
import { settle } from './fake-timers.ts';

const person = (id: string) => ({ participantId: id, identity: id, name: id });
const track = (trackId: string, change: object = {}) => ({
  trackId,
  roomId: 'lobby',
  participantId: 'bob',
  identity: 'bob',
  kind: 'video',
  source: 'camera',
  mimeType: 'video/VP8',
  fmtp: '',
  muted: false,
  ...change,
});
const welcome = (tracks: object[], participants = ['me', 'bob'], me = 'me') => ({
  roomId: 'lobby',
  participantId: me,
  participants: participants.map(person),
  tracks,
  sourceLost: null,
});

t.test('a room tells who is there and what they publish, later comers too', async (t) => {
  const { client, socket, begin } = setup();
  const room = client.join('lobby');
  t.equal(client.join('lobby'), room, 'joined once');
  const heard: string[] = [];
  room.on('joined', () => heard.push('joined'));
  room.on('participant-joined', ({ name }) => heard.push(`+${name}`));
  room.on('participant-left', ({ name }) => heard.push(`-${name}`));
  room.on('track', ({ trackId }) => heard.push(`track ${trackId}`));
  room.on('track-removed', ({ trackId }) => heard.push(`gone ${trackId}`));
  await begin();
  t.match(socket().of('join'), [{ roomId: 'lobby', subscribe: 'auto' }]);
  socket().receive('welcome', welcome([track('t1'), track('mine', { participantId: 'me' })]));
  socket().receive('peer-joined', { roomId: 'lobby', participant: person('eve') });
  socket().receive('track-added', { track: track('t2', { participantId: 'eve', source: 'screen' }) });
  socket().receive('track-removed', { roomId: 'lobby', trackId: 't1' });
  socket().receive('peer-left', { roomId: 'lobby', participantId: 'eve' });
  t.same(heard, ['joined', '+bob', 'track t1', '+eve', 'track t2', 'gone t1', '-eve']);
  t.same(
    room.tracks.map((one) => [one.trackId, one.source]),
    [['t2', 'screen']],
  );
  room.leave();
  t.match(socket().of('leave'), [{ roomId: 'lobby' }]);
  t.same(client.rooms, []);
});

t.test('wishes are said, and said again after a lost socket and to a new session', async (t) => {
  const { client, socket, sockets, begin, timers } = setup();
  const room = client.join('lobby', { subscribe: 'none' });
  await begin();
  socket().receive('welcome', welcome([track('t1'), track('t2'), track('av1', { mimeType: 'video/AV1' })]));
  const [one, two, unplayable] = room.tracks;
  t.notOk(one!.subscribed);
  unplayable!.subscribe();
  t.notOk(unplayable!.subscribed, 'a codec this browser lacks is not asked for');
  one!.subscribe();
  two!.subscribe();
  two!.unsubscribe();
  one!.setHeight(359.6);
  one!.setHeight(360);
  one!.pause();
  const said = (of: FakeSocket) =>
    of.sent
      .filter(({ type }) => ['subscribe', 'unsubscribe', 'track-state'].includes(type))
      .map(({ type, data }) => [type, data['trackId'], data['height'], data['paused']]);
  t.same(said(socket()), [
    ['subscribe', 't1', undefined, undefined],
    ['subscribe', 't2', undefined, undefined],
    ['unsubscribe', 't2', undefined, undefined],
    ['track-state', 't1', 360, undefined],
    ['track-state', 't1', undefined, true],
  ]);

  socket().breaks();
  await timers.advance(300);
  await begin(true);
  t.match(sockets[1]!.of('resume'), [{ resumeToken: 't1' }]);
  socket().receive('welcome', welcome([track('t1'), track('t2')]));
  t.same(
    said(socket()),
    [
      ['subscribe', 't1', undefined, undefined],
      ['track-state', 't1', 360, true],
    ],
    'what was said just before the socket broke may be lost',
  );
  t.equal(room.tracks.length, 2);

  socket().breaks();
  await timers.advance(300);
  await settle();
  socket().open();
  socket().receive('error', { requestId: 'resume', code: 'resume_failed', message: 'Too late.' });
  socket().receive('session', {
    sessionId: 's2',
    identity: 'key:1',
    resumeToken: 'x',
    resumed: false,
    serverTimeMs: 1,
  });
  t.equal(room.state, 'joining');
  t.match(socket().of('join'), [{ roomId: 'lobby', subscribe: 'none' }]);
  socket().receive('welcome', welcome([track('t1'), track('t2')], ['me2', 'bob'], 'me2'));
  t.same(said(socket()), [
    ['subscribe', 't1', undefined, undefined],
    ['track-state', 't1', 360, true],
  ]);
  t.equal(room.tracks[0], one, 'the same object for the same track');
});

t.test('media appears when the connection carries it, and changes when another section does', async (t) => {
  const { client, socket, begin, connection } = setup();
  const room = client.join('lobby');
  await begin();
  socket().receive('welcome', welcome([track('t1')]));
  const media: string[] = [];
  room.tracks[0]!.on('media', ({ id }) => media.push(id));
  socket().receive('offer', { connection: 'subscribe', sdp: 'v=0', mids: { '0': 't1' } });
  await settle();
  socket().receive('slot', { mid: '0', trackId: null });
  socket().receive('slot', { mid: '1', trackId: 't1' });
  await settle();
  t.same(media, ['receiver-0', 'receiver-1']);
  t.equal(connection().configurations[0]?.iceTransportPolicy, 'relay');
});

t.test('a refused join is asked again, unless the answer is final', async (t) => {
  const { client, socket, begin, timers } = setup();
  const room = client.join('lobby');
  const refusals: unknown[] = [];
  room.on('refused', (refusal) => refusals.push(refusal));
  await begin();
  const refuse = (code: string): void => {
    const { requestId } = socket().of('join').at(-1)!;
    socket().receive('error', { requestId, code, message: 'No.' });
  };
  refuse('room_full');
  t.match(refusals, [{ code: 'room_full', retryAtMs: timers.now() + 20_000 }]);
  await timers.advance(20_000);
  t.equal(socket().of('join').length, 2);
  refuse('forbidden');
  await timers.advance(10_000);
  // More than 15 s of silence would be taken for a dead socket.
  socket().receive('pong', {});
  await timers.advance(12_000);
  t.equal(socket().of('join').length, 2);
  t.match(refusals[1], { code: 'forbidden', retryAtMs: null });
  t.equal(room.state, 'refused');
});

t.test('an operator ends a room', async (t) => {
  const { client, socket, begin } = setup();
  const room = client.join('lobby');
  await begin();
  socket().receive('welcome', welcome([track('t1')]));
  const heard: string[] = [];
  room.tracks[0]!.on('ended', () => heard.push('ended'));
  room.on('left', ({ reason }) => heard.push(`left: ${reason}`));
  socket().receive('kicked', { roomId: 'lobby', reason: 'The room was closed.' });
  t.same(heard, ['ended', 'left: The room was closed.']);
  t.equal(room.state, 'left');
});

t.test('the signaling address of a server', (t) => {
  t.equal(signalUrl('https://box.example.com/client/turnkeep.js'), 'wss://box.example.com/v1/webrtc/signal');
  t.equal(signalUrl('http://127.0.0.1:8080'), 'ws://127.0.0.1:8080/v1/webrtc/signal');
  t.throws(() => signalUrl('ftp://box.example.com'), TypeError);
  t.end();
});

t.test(
  'a server with several workers: a connection for each, and one that ends takes only its own',
  async (t) => {
    const { client, socket, connections, begin } = setup();
    const rooms = ['a', 'b'].map((roomId) => client.join(roomId, { subscribe: 'auto' }));
    await begin();
    t.match(socket().of('join'), [{ connections: 'many' }, { connections: 'many' }]);
    for (const [at, room] of rooms.entries()) {
      const trackId = `t${room.roomId}`;
      const info = {
        trackId,
        roomId: room.roomId,
        kind: 'video',
        mimeType: 'video/VP8',
        fmtp: '',
        muted: false,
      };
      const welcome = { participantId: 'p', participants: [], tracks: [info], sourceLost: null };
      socket().receive('welcome', { roomId: room.roomId, ...welcome });
      const offer = { connection: 'subscribe', sdp: 'v=0', mids: { [String(at)]: trackId } };
      socket().receive('offer', { ...offer, connectionId: `${at}.1` });
    }
    await settle();
    t.equal(connections.length, 2);
    t.match(socket().of('answer'), [{ connectionId: '0.1' }, { connectionId: '1.1' }]);
    const tracks = rooms.map((room) => room.tracks[0]!);
    t.same(
      tracks.map((track) => track.mediaStreamTrack?.id),
      ['receiver-0', 'receiver-1'],
    );
    connections[0]!.becomes('connected');
    t.equal(client.state.receiving, 'new', 'the worst of them');
    connections[1]!.becomes('connected');
    t.equal(client.state.receiving, 'connected');
    for (const connection of connections) {
      const report = new Map([['T1', { id: 'T1', type: 'transport', selectedCandidatePairId: 'P' }]]);
      Object.assign(connection, { getStats: () => Promise.resolve(report) });
    }
    const entries = [...((await client.getStats()) as unknown as Map<string, object>).values()];
    t.match(entries, [
      { id: '0-T1', selectedCandidatePairId: '0-P' },
      { id: '1-T1', selectedCandidatePairId: '1-P' },
    ]);
    socket().receive('slot', { connectionId: '1.1', mid: '1', trackId: null });
    socket().receive('slot', { connectionId: '1.1', mid: '2', trackId: 'tb' });
    await settle();
    t.equal(tracks[1]!.mediaStreamTrack?.id, 'receiver-2');
    t.equal(tracks[0]!.mediaStreamTrack?.id, 'receiver-0');

    const ended = { code: 'unavailable', message: 'The SFU worker of this connection has ended.' };
    socket().receive('error', { ...ended, connection: 'subscribe', connectionId: '0.1' });
    t.ok(connections[0]!.closed);
    t.notOk(connections[1]!.closed);
    socket().receive('offer', {
      connection: 'subscribe',
      connectionId: '1.2',
      sdp: 'v=0',
      mids: { '2': 'ta' },
    });
    await settle();
    t.equal(connections.length, 3);
    t.equal(rooms[0]!.tracks[0]!.mediaStreamTrack?.id, 'receiver-2');
  },
);
