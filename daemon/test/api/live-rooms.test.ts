/** The rooms of a namespace in live events: asked for by who may read them, once for all, and why they cannot be told. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocket } from 'ws';
import { LiveEvents, type LiveSocket } from '../../api/live-events.ts';
import { liveEventSchema, type LiveEvent } from '../../contract/api.ts';
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
  get rooms() {
    return this.events.flatMap((event) => (event.type === 'rooms' ? [event.data] : []));
  }
}

const answered = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('the whole picture at once and every 2 s, as long as somebody looks', async (t) => {
  const namespaces = new FakeNamespaces(['a']);
  const clock = new FakeClock();
  const live = new LiveEvents({ namespaces, clock, log: silentLog });
  let asked = 0;
  const list = namespaces.rooms.list.bind(namespaces.rooms);
  namespaces.rooms.list = (...page) => {
    asked += 1;
    return list(...page);
  };
  const [socket, other] = [new FakeSocket(), new FakeSocket()];
  const leave = [live.add(socket, LOCAL, { rooms: 'a' }), live.add(other, LOCAL, { rooms: 'a' })];
  live.add(new FakeSocket(), LOCAL);
  await answered();
  await namespaces.rooms.create('a', 'lobby', { emptyTimeoutSeconds: 300, maxParticipants: null });
  clock.advance(2000);
  await answered();
  t.match(socket.rooms, [
    { namespace: 'a', rooms: [], total: 0, sentence: null },
    { rooms: [{ roomId: 'lobby', speaker: null }], total: 1 },
  ]);
  t.equal(asked, 2, 'one question for all readers');
  namespaces.rooms.list = () => Promise.reject(new Error('broken'));
  clock.advance(2000);
  await answered();
  t.match(other.rooms.at(-1), { rooms: [], sentence: 'It cannot be asked: broken' });
  for (const one of leave) one();
  clock.advance(60_000);
  await answered();
  t.equal(asked, 2);
  t.equal(socket.rooms.length, 3);
  live.close();
});

t.test('over a real socket: operators of the namespace only', async (t) => {
  const bench = await apiBench(t);
  await bench.network.listen({ host: '127.0.65.6', port: 0 });
  const { port } = bench.network.server.address() as AddressInfo;
  const open = (headers: Record<string, string>): WebSocket =>
    new WebSocket(`ws://127.0.65.6:${port}/v1/events?rooms=a`, { headers });
  const refused = async (headers: Record<string, string>): Promise<string> => {
    const [error] = (await once(open(headers), 'error')) as [Error];
    return /\d{3}/.exec(error.message)?.[0] ?? error.message;
  };
  const own = { origin: `http://127.0.65.6:${port}` };
  t.equal(await refused({ cookie: (await bench.as('viewer'))['cookie']!, ...own }), '403');
  t.equal(await refused(bench.key('b', 'owner')), '403', 'a key of another namespace');
  const socket = open(bench.key('a', 'operator'));
  t.teardown(() => {
    socket.terminate();
  });
  const told = await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.on('message', (data: Buffer) => {
      const event = liveEventSchema.parse(JSON.parse(data.toString()));
      if (event.type === 'rooms') resolve(event.data);
    });
  });
  t.match(told, { namespace: 'a', rooms: [], sentence: null });
});
