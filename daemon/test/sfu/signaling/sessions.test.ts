/** Sessions over time: resume, refresh, idle sockets, slow readers, kicks. Fake clock, no socket. */
import t from 'tap';
import type { RoomTicket } from '../../../contract/signaling.ts';
import { parseRestUsername, restPassword } from '../../../credentials/turn-rest.ts';
import { MediaEngine } from '../../../sfu/media/media-engine.ts';
import { RelaySet } from '../../../sfu/media/relay-set.ts';
import type { FrameSocket } from '../../../sfu/signaling/outbox.ts';
import { RoomDirector } from '../../../sfu/signaling/room-director.ts';
import { DataRelay } from '../../../sfu/signaling/data-relay.ts';
import { Session } from '../../../sfu/signaling/session.ts';
import { Sessions } from '../../../sfu/signaling/sessions.ts';
import { DEFAULT_ROOM_POLICY } from '../../../contract/rooms.ts';
import { DEFAULT_SFU_LIMITS } from '../../../contract/sfu-config.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { silentLog } from '../../helpers/silent-log.ts';

type Frame = Record<string, unknown> & { type: string };

class FakeSocket implements FrameSocket {
  readonly frames: Frame[] = [];
  bufferedBytes = 0;
  pings = 0;
  closed: number | undefined;
  send(text: string): void {
    this.frames.push(JSON.parse(text) as Frame);
  }
  ping(): void {
    this.pings += 1;
  }
  close(code: number): void {
    this.closed ??= code;
  }
  types(): string[] {
    return this.frames.map((frame) => frame.type);
  }
  last(type: string): Frame | undefined {
    return this.frames.findLast((frame) => frame.type === type);
  }
}

const TICKET: RoomTicket = {
  ...{ namespace: 'demo', identity: 'ada', name: 'Ada', role: 'publisher', rooms: null },
  expiresAtMs: 0,
};
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

function bench(ttlSeconds = 600) {
  const clock = new FakeClock();
  const demand: [string, number][] = [];
  const director = new RoomDirector({
    limits: DEFAULT_SFU_LIMITS,
    onDemand: (roomId, subscribers) => demand.push([roomId, subscribers]),
  });
  const engine = new MediaEngine({
    createCore: () => {
      return { nextTickMs: () => undefined, drops: () => ({}), totals: () => ({}) } as never;
    },
    transports: { create: () => Promise.reject(new Error('no transport in this test')) },
    relays: () => new RelaySet([]),
    clock,
    log: silentLog,
  });
  const dataRelay = new DataRelay({
    rooms: director.rooms,
    policy: DEFAULT_ROOM_POLICY.data,
    linkOf: () => undefined,
    nowMs: () => clock.nowMs(),
  });
  const state = { draining: false };
  const sessions = new Sessions({
    namespace: 'demo',
    turn: { uris: ['turn:x'], secret: 'the-secret-of-the-test', ttlSeconds },
    nowMs: () => clock.nowMs(),
    makeSession: (options) => {
      const draining = (): boolean => state.draining;
      const rest = { director, engine, dataRelay, maxSubscriptions: 8, draining, log: silentLog };
      return new Session({ ...options, ...rest });
    },
  });
  const connect = (ticket = TICKET) => {
    const socket = new FakeSocket();
    const attachment = sessions.accept(socket, ticket);
    const send = async (frame: object): Promise<void> => {
      attachment.onText(JSON.stringify(frame));
      await turns();
    };
    return { socket, attachment, send };
  };
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 1000) {
      clock.advance(Math.min(1000, left));
      sessions.tick(clock.nowMs());
    }
  };
  return { clock, director, sessions, connect, pass, demand, state };
}

t.test('session first, then TURN credentials that the TURN service accepts', (t) => {
  const { connect } = bench();
  const { socket } = connect();
  t.same(socket.types(), ['session', 'turn-credentials']);
  const credentials = socket.frames[1]!;
  t.match(parseRestUsername(credentials['username'] as string), { namespace: 'demo', subject: 'ada' });
  t.equal(credentials['password'], restPassword('the-secret-of-the-test', credentials['username'] as string));
  t.match(credentials['iceServers'], [{ urls: ['turn:x'], credential: credentials['password'] }]);
  t.equal(credentials['iceTransportPolicy'], 'relay');
  t.end();
});

t.test('credentials are refreshed at 80 % of their life, again and again', (t) => {
  const { connect, pass } = bench(30);
  const { socket, attachment } = connect();
  const count = (): number => socket.types().filter((type) => type === 'refresh-credentials').length;
  pass(23_000);
  t.equal(count(), 0);
  pass(1000);
  t.equal(count(), 1);
  for (let round = 0; round < 4; round += 1) {
    attachment.onPong();
    pass(24_000);
  }
  t.equal(count(), 5);
  const names = socket.frames
    .filter((frame) => frame.type.endsWith('credentials'))
    .map((one) => one['username']);
  t.equal(new Set(names).size, names.length, 'each is a new one');
  t.end();
});

t.test('a resume whose answer was lost with its socket is made once more', async (t) => {
  const { connect, sessions } = bench();
  const first = connect();
  await first.send({ type: 'join', roomId: 'r' });
  const { sessionId, resumeToken } = first.socket.last('session')!;
  first.attachment.onClose(1006);
  const second = connect();
  await second.send({ type: 'resume', resumeToken });
  second.attachment.onClose(1006);
  const third = connect();
  await third.send({ type: 'resume', resumeToken });
  t.match(third.socket.last('session'), { sessionId, resumed: true });
  t.equal(sessions.size, 1);
  const fourth = connect();
  await fourth.send({ type: 'resume', resumeToken });
  t.match(fourth.socket.last('error'), { code: 'resume_failed' }, 'not while the session is in use');
});

t.test('a resume within the window keeps rooms, tells what was missed and changes the token', async (t) => {
  const { connect, pass, sessions, demand, director } = bench();
  const first = connect();
  await first.send({ type: 'join', roomId: 'r' });
  const session = first.socket.last('session')!;
  first.attachment.onClose(1006);
  t.equal(director.rooms.get('r')?.members.size, 1);
  pass(10_000);
  const other = connect({ ...TICKET, identity: 'bob', name: 'Bob' });
  await other.send({ type: 'join', data: { roomId: 'r' } });
  t.match(other.socket.last('welcome'), {
    data: { participants: [{ identity: 'ada' }, { identity: 'bob' }] },
  });
  pass(15_000);
  const second = connect();
  t.equal(sessions.size, 3);
  await second.send({ type: 'resume', resumeToken: session['resumeToken'] });
  t.equal(sessions.size, 2, 'the provisional session is gone');
  t.same(second.socket.types(), ['session', 'turn-credentials', 'session', 'peer-joined', 'welcome']);
  const resumed = second.socket.last('session')!;
  t.match(resumed, { sessionId: session['sessionId'], resumed: true });
  t.not(resumed['resumeToken'], session['resumeToken']);
  const third = connect();
  await third.send({ type: 'resume', resumeToken: session['resumeToken'], requestId: '1' });
  t.match(third.socket.last('error'), { code: 'resume_failed', requestId: '1' }, 'a token works once');
  t.same(
    demand.map(([, subscribers]) => subscribers),
    [1, 2],
    'demand did not flicker',
  );
  await second.send({ type: 'leave', roomId: 'r' });
  t.match(second.socket.last('left'), { roomId: 'r' });
});

t.test(
  'after the window, after a clean close, or for somebody else there is nothing to resume',
  async (t) => {
    const { connect, pass, sessions, demand } = bench();
    const first = connect();
    await first.send({ type: 'join', roomId: 'r' });
    const token = first.socket.last('session')!['resumeToken'];
    const thief = connect({ ...TICKET, identity: 'eve' });
    await thief.send({ type: 'resume', resumeToken: token });
    t.match(thief.socket.last('error'), { code: 'resume_failed' });
    first.attachment.onClose(1006);
    thief.attachment.onClose(1006);
    t.equal(sessions.size, 1, 'a session that holds nothing is not kept');
    pass(30_000);
    t.equal(sessions.size, 0);
    t.same(demand.at(-1), ['r', 0]);
    const late = connect();
    await late.send({ type: 'resume', resumeToken: token });
    t.match(late.socket.last('error'), { code: 'resume_failed' });
    await late.send({ type: 'join', roomId: 'r' });
    t.ok(late.socket.last('welcome'), 'the socket is a good new session');
    late.attachment.onClose(1000);
    t.equal(sessions.size, 0, 'a clean close ends at once');
  },
);

t.test('a resume takes over from a socket that is half open', async (t) => {
  const { connect } = bench();
  const first = connect();
  await first.send({ type: 'join', roomId: 'r' });
  const second = connect();
  await second.send({ type: 'resume', resumeToken: first.socket.last('session')!['resumeToken'] });
  t.equal(first.socket.closed, 1000);
  first.attachment.onClose(1000);
  await first.send({ type: 'leave', roomId: 'r' });
  await second.send({ type: 'ping' });
  t.ok(second.socket.last('pong'), 'the old socket’s end does not end the session');
  t.notOk(second.socket.last('left'));
});

t.test('a resume with fewer rights leaves the rooms it does not open', async (t) => {
  const { connect } = bench();
  const first = connect();
  await first.send({ type: 'join', roomId: 'r1' });
  await first.send({ type: 'join', roomId: 'r2' });
  first.attachment.onClose(1006);
  const second = connect({ ...TICKET, rooms: ['r1'] });
  await second.send({ type: 'resume', resumeToken: first.socket.last('session')!['resumeToken'] });
  t.match(second.socket.last('kicked'), { roomId: 'r2' });
  t.same(
    second.socket.frames.filter((frame) => frame.type === 'welcome').map((frame) => frame['roomId']),
    ['r1'],
  );
});

t.test('silent and slow sockets are closed, talking ones are pinged', async (t) => {
  const { connect, pass } = bench();
  const silent = connect();
  const alive = connect();
  for (let round = 0; round < 7; round += 1) {
    pass(10_000);
    alive.attachment.onPong();
  }
  t.equal(silent.socket.closed, 1008);
  t.equal(alive.socket.closed, undefined);
  t.ok(alive.socket.pings >= 3);
  alive.socket.bufferedBytes = 3 * 1024 * 1024;
  await alive.send({ type: 'ping' });
  t.equal(alive.socket.closed, 1013);
});

t.test('errors are frames with codes, and nothing ends the session', async (t) => {
  const { connect, state } = bench();
  const { socket, send, attachment } = connect({ ...TICKET, role: 'viewer' });
  const code = async (frame: object): Promise<unknown> => {
    await send(frame);
    return socket.last('error')?.['code'];
  };
  t.equal(await code({ type: 'leave', roomId: 'r' }), 'not_joined');
  await send({ type: 'join', roomId: 'r' });
  t.equal(await code({ type: 'join', roomId: 'r' }), 'already_joined');
  t.equal(await code({ type: 'subscribe', roomId: 'r', trackId: 'none' }), 'track_not_found');
  t.equal(await code({ type: 'offer', sdp: 'v=0' }), 'forbidden');
  t.equal(await code({ type: 'answer', sdp: 'v=0' }), 'negotiation_failed');
  t.equal(await code({ type: 'answer', connection: 'publish', sdp: 'v=0' }), 'negotiation_failed');
  t.equal(await code({ type: 'restart', connection: 'publish' }), 'negotiation_failed');
  t.equal(await code({ type: 'track-state', trackId: 'x', paused: true }), 'track_not_found');
  t.equal(await code({ type: 'track-state', trackId: 'x', muted: true }), 'track_not_found');
  t.equal(await code({ type: 'key-frame', trackId: 'x' }), 'track_not_found');
  t.equal(await code({ type: 'resume', resumeToken: 'x' }), 'resume_failed');
  state.draining = true;
  t.equal(await code({ type: 'join', roomId: 'r2' }), 'shutting_down');
  attachment.onText('nonsense');
  t.match(socket.last('error'), { code: 'invalid_json' });
  await send({ type: 'ice-candidate', candidate: null });
  for (let count = 0; count < 400; count += 1) attachment.onText('{"type":"ping"}');
  t.match(socket.last('error'), { code: 'rate_limited' });
  t.equal(socket.closed, undefined);
});

t.test('a publish offer that is no offer is answered with negotiation_failed', async (t) => {
  const { connect } = bench();
  const { socket, send } = connect();
  await send({ type: 'offer', sdp: 'v=0', requestId: 'a' });
  t.match(socket.last('error'), { code: 'not_joined', requestId: 'a' });
  await send({ type: 'join', roomId: 'r' });
  await send({ type: 'offer', sdp: 'nonsense', requestId: 'b' });
  t.match(socket.last('error'), { code: 'negotiation_failed', requestId: 'b' });
});

t.test('a kick ends every session of an identity and says why', async (t) => {
  const { connect, sessions } = bench();
  const one = connect();
  const two = connect();
  const other = connect({ ...TICKET, identity: 'bob' });
  await one.send({ type: 'join', roomId: 'r' });
  t.equal(sessions.kick('ada', 'Your account was removed.'), 2);
  for (const { socket } of [one, two]) {
    t.match(socket.last('kicked'), { roomId: null, reason: 'Your account was removed.' });
    t.equal(socket.closed, 1008);
  }
  t.equal(other.socket.closed, undefined);
  t.equal(sessions.size, 1);
});

t.test('frames beyond those that may wait are refused one by one, with their code', async (t) => {
  const { connect } = bench();
  const { socket, attachment } = connect();
  for (let number = 0; number < 280; number += 1) {
    attachment.onText(JSON.stringify({ type: 'leave', requestId: String(number), roomId: 'nowhere' }));
  }
  await turns();
  const errors = socket.frames.filter(({ type }) => type === 'error');
  t.equal(errors.length, 280, 'each frame has an answer');
  const refused = errors.filter(({ code }) => code === 'rate_limited');
  t.same(
    refused.map(({ requestId }) => Number(requestId)),
    Array.from({ length: 24 }, (_, index) => 256 + index),
  );
  t.match(refused[0], { message: /wait for the one before/ });
});
