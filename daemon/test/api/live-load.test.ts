/** The load of the host in live events: who sees what of it, that it is asked once for all and only while somebody looks. */
import t from 'tap';
import { LiveEvents, type LiveSocket } from '../../api/live-events.ts';
import { liveEventSchema, type LiveEvent } from '../../contract/api.ts';
import type { HostLoad } from '../../contract/load.ts';
import type { Caller } from '../../identity/caller.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FakeNamespaces } from '../helpers/fake-domain.ts';
import { silentLog } from '../helpers/silent-log.ts';

const LOCAL: Caller = { kind: 'local' };
const keyOf = (namespace: string): Caller => ({ kind: 'api-key', id: 'k', namespace, role: 'operator' });
const HOST: HostLoad = {
  name: 'keep-1',
  cpus: 2,
  loadAverage: 0.5,
  upSeconds: 60,
  memory: { totalBytes: 4e9, availableBytes: 1e9 },
  disk: null,
  daemon: { cpuSeconds: 1, rssBytes: 9e7, startedAt: '2026-01-01T00:00:00.000Z' },
};

class FakeSocket implements LiveSocket {
  bufferedAmount = 0;
  readonly events: LiveEvent[] = [];
  send(text: string): void {
    this.events.push(liveEventSchema.parse(JSON.parse(text)));
  }
  close(): void {}
  terminate(): void {}
  get loads() {
    return this.events.flatMap((event) => (event.type === 'load' ? [event.load] : []));
  }
}

function setUp() {
  const namespaces = new FakeNamespaces(['a', 'b']);
  namespaces.reports.set('a', {
    turn: {
      ready: true,
      draining: false,
      listeners: [],
      allocations: 3,
      connections: 0,
      relayed: { toPeerPackets: 1, toPeerBytes: 100, toClientPackets: 2, toClientBytes: 200 },
      drops: { 'no-permission': 4 },
      refusals: {},
      kernelDrops: 9,
      limits: [],
      process: { cpuSeconds: 2.5, rssBytes: 6e7 },
    },
    sfu: null,
  });
  const clock = new FakeClock();
  const live = new LiveEvents({ namespaces, clock, log: silentLog, hostLoad: () => Promise.resolve(HOST) });
  return { namespaces, clock, live };
}

/** Lets what was asked be answered: the fakes answer at once. */
async function answered(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

t.test('the whole picture at once and every 2 s, asked once for all readers, and for nobody', async (t) => {
  const { namespaces, clock, live } = setUp();
  const [one, two, other] = [new FakeSocket(), new FakeSocket(), new FakeSocket()];
  const leave = [one, two].map((socket) => live.add(socket, LOCAL, { load: true }));
  live.add(other, LOCAL);
  await answered();
  t.equal(namespaces.probes, 2, 'each namespace once');
  t.same(one.loads[0]?.namespaces, [
    {
      namespace: 'a',
      turn: {
        process: { cpuSeconds: 2.5, rssBytes: 6e7 },
        allocations: 3,
        relayed: { packets: 3, bytes: 300 },
        drops: { 'no-permission': 4, kernel: 9 },
      },
      sfu: null,
    },
    { namespace: 'b', turn: null, sfu: null },
  ]);
  t.same(one.loads[0]?.host, HOST);
  t.same(two.loads, one.loads);
  t.same(other.loads, [], 'only who asks for it');
  clock.advance(2000);
  await answered();
  t.equal(one.loads.length, 2);
  t.equal(namespaces.probes, 4);
  for (const one of leave) one();
  clock.advance(10_000);
  await answered();
  t.equal(namespaces.probes, 4, 'nobody looks, nobody is asked');
  const late = new FakeSocket();
  live.add(late, LOCAL, { load: true });
  await answered();
  t.equal(late.loads.length, 1, 'and again for the next');
  live.close();
});

t.test('a key of a sees a, and nothing of the host', async (t) => {
  const { live } = setUp();
  const socket = new FakeSocket();
  live.add(socket, keyOf('a'), { load: true });
  await answered();
  t.same(
    socket.loads[0]?.namespaces.map(({ namespace }) => namespace),
    ['a'],
  );
  t.equal(socket.loads[0]?.host, null);
  live.close();
});

t.test('a probe that fails is a service without numbers', async (t) => {
  const { namespaces, live } = setUp();
  namespaces.probe = () => Promise.reject(new Error('gone'));
  const socket = new FakeSocket();
  live.add(socket, LOCAL, { load: true });
  await answered();
  t.match(socket.loads[0]?.namespaces, [{ turn: null, sfu: null }, { turn: null }]);
  live.close();
});
