/** The running TURN service in live events: who sees it, that it is asked once for all, what a dead one looks like. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { LiveEvents, type LiveSocket } from '../../api/live-events.ts';
import { liveEventSchema, type LiveEvent } from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import type { Caller } from '../../identity/caller.ts';
import { apiBench } from '../helpers/api-bench.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FakeNamespaces } from '../helpers/fake-domain.ts';
import { silentLog } from '../helpers/silent-log.ts';

const LOCAL: Caller = { kind: 'local' };

class FakeSocket implements LiveSocket {
  bufferedAmount = 0;
  readonly events: LiveEvent[] = [];
  send(text: string): void {
    this.events.push(liveEventSchema.parse(JSON.parse(text)));
  }
  close(): void {}
  terminate(): void {}
  get turns() {
    return this.events.flatMap((event) => (event.type === 'turn' ? [event.data] : []));
  }
}

function setUp() {
  const namespaces = new FakeNamespaces(['a', 'b']);
  namespaces.turn.open.set('a', [session('one')]);
  const clock = new FakeClock();
  const live = new LiveEvents({ namespaces, clock, log: silentLog });
  let asked = 0;
  const { turn } = namespaces;
  const status = turn.status.bind(turn);
  turn.status = (namespace) => {
    asked += 1;
    return status(namespace);
  };
  return { namespaces, clock, live, asked: () => asked };
}

/** Lets what was asked be answered: the fakes answer at once. */
async function answered(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

t.test('the whole picture at once and every 2 s, numbered with the other events', async (t) => {
  const { namespaces, clock, live } = setUp();
  const [socket, other] = [new FakeSocket(), new FakeSocket()];
  live.add(socket, LOCAL, { turn: 'a' });
  live.add(other, LOCAL);
  await answered();
  namespaces.turn.open.get('a')!.push(session('two'));
  namespaces.create('c');
  clock.advance(2000);
  await answered();
  t.strictSame(
    socket.events.map(({ seq, type }) => [seq, type]),
    [
      [1, 'snapshot'],
      [2, 'turn'],
      [3, 'namespace'],
      [4, 'turn'],
    ],
  );
  t.match(socket.turns, [
    { namespace: 'a', status: { ready: true, kernelDrops: 3 }, sessions: { items: [{ subject: 'one' }] } },
    { sessions: { total: 2 } },
  ]);
  t.strictSame(other.turns, [], 'only who asked for it');
});

t.test('one question for all readers; it ends with the last of them', async (t) => {
  const { clock, live, asked } = setUp();
  const sockets = Array.from({ length: 5 }, () => new FakeSocket());
  const leave = sockets.map((socket) => live.add(socket, LOCAL, { turn: 'a' }));
  await answered();
  t.equal(asked(), 1);
  const late = new FakeSocket();
  leave.push(live.add(late, LOCAL, { turn: 'a' }));
  t.equal(late.turns.length, 1, 'who comes later has the last answer at once');
  clock.advance(2000);
  await answered();
  t.equal(asked(), 2);
  for (const socket of sockets) t.equal(socket.turns.length, 2);
  for (const one of leave) one();
  clock.advance(60_000);
  await answered();
  t.equal(asked(), 2, 'nobody looks, nobody asks');
  live.add(new FakeSocket(), LOCAL, { turn: 'a' })();
  live.add(new FakeSocket(), LOCAL, { turn: 'a' });
  await answered();
  clock.advance(2000);
  await answered();
  t.equal(asked(), 5, 'a question of before does not begin a second round');
});

t.test('a slow service is not asked again before it has answered', async (t) => {
  const { namespaces, clock, live, asked } = setUp();
  let answer = (): void => undefined;
  namespaces.turn.refusals = () =>
    new Promise((resolve) => {
      answer = () => {
        resolve({ items: [] });
      };
    });
  const socket = new FakeSocket();
  live.add(socket, LOCAL, { turn: 'a' });
  await answered();
  clock.advance(30_000);
  await answered();
  t.strictSame([asked(), socket.turns.length], [1, 0]);
  answer();
  await answered();
  clock.advance(2000);
  await answered();
  t.strictSame([asked(), socket.turns.length], [2, 1]);
});

t.test('a service that is down is told in words, and seen again when it is back', async (t) => {
  const { namespaces, clock, live } = setUp();
  const sentence = 'The TURN service does not run.';
  const status = namespaces.turn.status.bind(namespaces.turn);
  const sessions = namespaces.turn.open.get('a')!;
  namespaces.turn.status = async (namespace) => ({ ...(await status(namespace)), ready: false, sentence });
  namespaces.turn.sessions = () => Promise.reject(new AppError('unavailable', 'never asked'));
  const socket = new FakeSocket();
  live.add(socket, LOCAL, { turn: 'a' });
  await answered();
  t.match(socket.turns.at(-1), { status: { ready: false, sentence }, sessions: { total: 0 } });
  namespaces.turn.status = status;
  clock.advance(2000);
  await answered();
  t.match(socket.turns.at(-1), { status: { ready: false, sentence: 'never asked' } }, 'it ended in between');
  namespaces.turn.sessions = () => Promise.resolve({ items: sessions, total: 1 });
  clock.advance(2000);
  await answered();
  t.match(socket.turns.at(-1), { status: { ready: true }, sessions: { total: 1 } });
  namespaces.turn.open.delete('a');
  clock.advance(2000);
  await answered();
  t.match(socket.turns.at(-1)?.status.sentence, /WebRTC is not enabled/);
});

t.test('a drained service still shows who is left', async (t) => {
  const { namespaces, live } = setUp();
  const status = namespaces.turn.status.bind(namespaces.turn);
  namespaces.turn.status = async (name) => ({ ...(await status(name)), ready: false, draining: true });
  const socket = new FakeSocket();
  live.add(socket, LOCAL, { turn: 'a' });
  await answered();
  t.match(socket.turns, [{ status: { draining: true }, sessions: { total: 1 } }]);
});

t.test('a reader that falls behind is spared frames that the next one replaces', async (t) => {
  const { namespaces, clock, live } = setUp();
  const socket = new FakeSocket();
  live.add(socket, LOCAL, { turn: 'a' });
  await answered();
  socket.bufferedAmount = 512 * 1024;
  for (let at = 0; at < 10; at += 1) {
    clock.advance(2000);
    await answered();
  }
  namespaces.create('c');
  socket.bufferedAmount = 0;
  clock.advance(2000);
  await answered();
  t.strictSame(
    socket.events.map(({ seq, type }) => [seq, type]),
    [
      [1, 'snapshot'],
      [2, 'turn'],
      [3, 'namespace'],
      [4, 'turn'],
    ],
    'no gap in the numbers',
  );
});

t.test('at most 64 services are watched; one more reader of a watched one comes in', (t) => {
  const { live } = setUp();
  for (let at = 0; at < 64; at += 1) {
    const caller: Caller = { kind: 'api-key', id: String(at), namespace: `n${at}`, role: 'operator' };
    live.requireRoom(caller, `n${at}`);
    live.add(new FakeSocket(), caller, { turn: `n${at}` });
  }
  t.throws(() => live.requireRoom(LOCAL, 'a'), { code: 'rate_limited' });
  live.requireRoom(LOCAL, 'n7');
  live.close();
  t.end();
});

t.test('over a real socket: operators of the namespace only', async (t) => {
  const bench = await apiBench(t);
  await bench.network.listen({ host: '127.0.45.2', port: 0 });
  const { port } = bench.network.server.address() as AddressInfo;
  const open = (headers: Record<string, string>, turn: string): WebSocket =>
    new WebSocket(`ws://127.0.45.2:${port}/v1/events?turn=${turn}`, { headers });
  const refused = async (headers: Record<string, string>, turn: string): Promise<string> => {
    const [error] = (await once(open(headers, turn), 'error')) as [Error];
    return /\d{3}/.exec(error.message)?.[0] ?? error.message;
  };
  const own = { origin: `http://127.0.45.2:${port}` };
  const viewer = { cookie: (await bench.as('viewer'))['cookie']!, ...own };
  const operator = { cookie: (await bench.as('operator'))['cookie']!, ...own };
  t.equal(await refused({}, 'a'), '401');
  t.equal(await refused(viewer, 'a'), '403');
  t.equal(await refused(bench.key('b', 'owner'), 'a'), '403', 'a key of another namespace');
  t.equal(await refused(operator, 'none'), '404');
  t.equal(await refused(operator, '-'), '400');
  t.equal(await seen(t, open(operator, 'a')), 'a');
  t.equal(await seen(t, open(bench.key('a', 'operator'), 'a')), 'a');
  t.equal(await seen(t, open(operator, 'b')), 'b', 'also without WebRTC: it is told so');
});

/** The namespace that the first `turn` event names; ends the socket. */
async function seen(t: Test, socket: WebSocket): Promise<string> {
  t.teardown(() => {
    socket.terminate();
  });
  return await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.on('message', (data: Buffer) => {
      const event = liveEventSchema.parse(JSON.parse(data.toString()));
      if (event.type !== 'turn') return;
      socket.close();
      resolve(event.data.namespace);
    });
  });
}

function session(subject: string) {
  return {
    sessionId: `s-${subject}`,
    username: `1700000600:a:${subject}`,
    subject,
    transport: 'udp',
    client: '192.0.2.1:5000',
    relayed: ['10.0.0.1:50000'],
    createdAtMs: 1,
    expiresAtMs: 2,
    permissions: ['10.0.0.2'],
    channels: 1,
    relayTransport: 'udp' as const,
    dataConnections: [],
    toPeerBytes: 1,
    toClientBytes: 2,
    toPeerPackets: 1,
    toClientPackets: 1,
  };
}
