/** A signaling session over sockets that break. */
import t from 'tap';
import { RefusedError, SignalingSession } from '../../client/signaling-session.ts';
import { FakeSocket } from './fake-socket.ts';
import { FakeTimers, settle } from './fake-timers.ts';

function setup(ticket: () => Promise<string> = () => Promise.resolve('ticket')) {
  const timers = new FakeTimers();
  const sockets: FakeSocket[] = [];
  /** Where each ticket was for and each socket went; undefined: where the session began. */
  const went: (string | undefined)[] = [];
  const session = new SignalingSession({
    fetchTicket: (_signal, server) => {
      went.push(server);
      return ticket();
    },
    openSocket: (_ticket, server) => {
      const socket = new FakeSocket();
      if (server !== went.at(-1)) throw new Error('a ticket for another server');
      sockets.push(socket);
      return socket;
    },
    timers,
  });
  const sessions: boolean[] = [];
  session.on('session', ({ resumed }) => sessions.push(resumed));
  return { timers, sockets, session, sessions, went, last: () => sockets.at(-1)! };
}

const hello = (token: string, resumed: boolean) => ({
  sessionId: 's',
  identity: 'mara',
  resumeToken: token,
  resumed,
  serverTimeMs: 1,
});

t.test('opens, and takes the first frame in either form', async (t) => {
  for (const flat of [true, false]) {
    const { session, last, sessions } = setup();
    session.start();
    await settle();
    t.equal(session.state.phase, 'opening');
    last().open();
    t.same(last().sent, [], 'nothing is resumed the first time');
    last().receive('session', hello('a', false), flat);
    t.equal(session.state.phase, 'open');
    t.same(sessions, [false]);
    t.ok(session.send({ type: 'join', roomId: 'camera:1', subscribe: 'auto' }));
    t.same(
      last().sent,
      [{ type: 'join', data: { roomId: 'camera:1', subscribe: 'auto' } }],
      'the envelope form',
    );
    session.close();
    t.ok(last().closed);
  }
});

t.test('a broken socket is resumed with the token', async (t) => {
  const { session, timers, last, sockets, sessions } = setup();
  session.start();
  await settle();
  last().receive('session', hello('token-1', false));
  last().breaks();
  t.equal(session.state.phase, 'waiting');
  t.notOk(session.send({ type: 'ping' } as never), 'nothing is sent meanwhile');
  await timers.advance(300);
  t.equal(sockets.length, 2);
  last().open();
  t.match(last().sent[0], { type: 'resume', data: { resumeToken: 'token-1' } });
  last().receive('session', hello('ignored', false));
  t.same(sessions, [false], 'the new socket’s own session is no answer to the resume');
  last().receive('session', hello('token-2', true));
  t.same(sessions, [false, true]);
  last().breaks();
  await timers.advance(300);
  last().open();
  t.match(last().sent[0], { data: { resumeToken: 'token-2' } });
  session.close();
});

t.test('a refused resume becomes a fresh session on the same socket', async (t) => {
  const { session, timers, last, sockets, sessions } = setup();
  session.start();
  await settle();
  last().receive('session', hello('old', false));
  last().breaks();
  await timers.advance(300);
  last().open();
  last().receive('session', hello('new', false));
  last().receive('error', { requestId: 'resume', code: 'resume_failed', message: 'over' });
  t.same(sessions, [false, false]);
  t.equal(session.state.phase, 'open');
  t.equal(sockets.length, 2);
  session.close();
});

t.test('waits longer and longer, 4 s at most, and keeps the server’s refusal', async (t) => {
  let tries = 0;
  const { session, timers } = setup(() => {
    tries++;
    return Promise.reject(new RefusedError({ code: 'forbidden', message: 'No access.', retryAfterMs: null }));
  });
  const waits: number[] = [];
  session.on('state', (state) => {
    if (state.phase === 'waiting') waits.push((state.nextAttemptAtMs ?? 0) - timers.now());
  });
  session.start();
  await timers.advance(20_000);
  t.same(waits.slice(0, 6), [250, 500, 1000, 1999, 3998, 3998]);
  t.equal(session.state.refusal?.code, 'forbidden');
  t.ok(tries > 5);
  session.close();
  const before = tries;
  await timers.advance(20_000);
  t.equal(tries, before, 'closed is closed');
  t.equal(timers.waiting, 0, 'and leaves no timer');
});

t.test('a refusal with a time is kept to', async (t) => {
  const { session, timers } = setup(() =>
    Promise.reject(new RefusedError({ code: 'rate_limited', message: 'Later.', retryAfterMs: 9000 })),
  );
  session.start();
  await settle();
  t.equal((session.state.nextAttemptAtMs ?? 0) - timers.now(), 9000);
  session.close();
});

t.test('a socket that goes silent is asked, then given up', async (t) => {
  const { session, timers, last, sockets } = setup();
  session.start();
  await settle();
  last().receive('session', hello('a', false));
  await timers.advance(15_000);
  t.same(last().of('ping').length, 1);
  last().receive('pong', {});
  await timers.advance(14_000);
  t.equal(sockets.length, 1, 'an answer keeps it');
  await timers.advance(10_000);
  t.equal(sockets.length, 2, 'without one it is dead');
  session.close();
});

t.test('a socket without a session is given up, and what is no frame is ignored', async (t) => {
  const { session, timers, last, sockets } = setup();
  const frames: string[] = [];
  session.on('frame', (frame) => frames.push(frame.type));
  session.start();
  await settle();
  for (const data of [
    '{',
    '[]',
    '{"type":"nonsense"}',
    '{"type":"__proto__"}',
    '{"type":"offer","data":{"sdp":1}}',
    new ArrayBuffer(2),
  ]) {
    sockets[0]?.onmessage?.({ data });
  }
  t.same(frames, []);
  await timers.advance(10_400);
  t.equal(sockets.length, 2);
  t.ok(sockets[0]?.closed);
  session.close();
  t.ok(last().closed);
});

t.test('renew drops the token', async (t) => {
  const { session, timers, last } = setup();
  session.start();
  await settle();
  last().receive('session', hello('a', false));
  session.renew();
  await timers.advance(300);
  last().open();
  t.same(last().sent, [], 'nothing is resumed');
  session.close();
});

t.test('a server that stops sends on to another one, and that back when it is not there', async (t) => {
  const { session, timers, last, sessions, went } = setup();
  const other = 'wss://other.example.com/v1/webrtc/signal';
  session.start();
  await settle();
  last().receive('session', hello('a', false));
  last().receive('server-draining', { retryAfterMs: 1000, alternatives: [other] });
  await timers.advance(1300);
  t.same(went, [undefined, other]);
  last().open();
  t.same(last().sent, [], 'nothing to resume there');
  last().receive('session', hello('b', false));
  t.same(sessions, [false, false]);
  last().breaks();
  await timers.advance(300);
  last().open();
  t.match(last().sent[0], { type: 'resume', data: { resumeToken: 'b' } }, 'it stays there');
  last().breaks();
  await timers.advance(600);
  last().breaks();
  await timers.advance(1100);
  last().breaks();
  await timers.advance(2100);
  t.same(went, [undefined, other, other, other, undefined, other], 'in turns while none is reached');
  last().receive('session', hello('c', false));
  last().receive('server-draining', { retryAfterMs: 0, alternatives: [] });
  await timers.advance(300);
  t.equal(went.at(-1), other, 'who knows no other server is asked again itself');
  session.close();
});
