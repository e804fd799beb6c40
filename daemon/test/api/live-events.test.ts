import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocket } from 'ws';
import { LiveEvents, type LiveSocket } from '../../api/live-events.ts';
import { liveEventSchema, type LiveEvent } from '../../contract/api.ts';
import type { Caller } from '../../identity/caller.ts';
import { apiBench } from '../helpers/api-bench.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FakeCameras, FakeNamespaces } from '../helpers/fake-domain.ts';
import { silentLog } from '../helpers/silent-log.ts';

class FakeSocket implements LiveSocket {
  bufferedAmount = 0;
  readonly events: LiveEvent[] = [];
  closed: [number, string] | undefined;
  terminated = false;
  send(text: string): void {
    this.events.push(liveEventSchema.parse(JSON.parse(text)));
  }
  close(code: number, reason: string): void {
    this.closed = [code, reason];
  }
  terminate(): void {
    this.terminated = true;
  }
}

const LOCAL: Caller = { kind: 'local' };
const keyOf = (namespace: string): Caller => ({ kind: 'api-key', id: 'k', namespace, role: 'viewer' });

function setUp() {
  const namespaces = new FakeNamespaces(['a', 'b']);
  const cameras = new FakeCameras();
  const live = new LiveEvents({ namespaces, clock: new FakeClock(), log: silentLog });
  live.attachCameras(cameras);
  return { namespaces, cameras, live };
}

t.test('a snapshot first, then every change once, numbered without a gap', (t) => {
  const { namespaces, cameras, live } = setUp();
  const socket = new FakeSocket();
  const remove = live.add(socket, LOCAL);
  const { device } = cameras.create({ name: 'x', namespace: 'a', owner: 'x' });
  cameras.update(device.id, { name: 'y' });
  namespaces.create('c');
  const { operationId } = namespaces.disableWebrtc('a');
  namespaces.progress(operationId, { state: 'succeeded' });
  namespaces.delete('c');
  cameras.delete(device.id);
  t.strictSame(
    socket.events.map(({ seq, type }) => [seq, type]),
    [
      [1, 'snapshot'],
      [2, 'device'],
      [3, 'device'],
      [4, 'namespace'],
      [5, 'operation'],
      [6, 'operation'],
      [7, 'namespace-removed'],
      [8, 'device-removed'],
    ],
  );
  t.match(socket.events[0], {
    user: { name: 'local', role: 'owner' },
    namespaces: [{ name: 'a' }, { name: 'b' }],
  });
  remove();
  namespaces.create('d');
  t.equal(socket.events.length, 8);
  t.end();
});

t.test('an API key sees its own namespace only, and still no gap', (t) => {
  const { namespaces, cameras, live } = setUp();
  const socket = new FakeSocket();
  const inA = cameras.create({ name: 'x', namespace: 'a', owner: 'x' }).device;
  const inB = cameras.create({ name: 'x', namespace: 'b', owner: 'x' }).device;
  live.add(socket, keyOf('a'));
  t.match(socket.events[0], { namespaces: [{ name: 'a' }], devices: [{ id: inA.id }] });
  cameras.update(inB.id, { name: 'y' });
  cameras.delete(inB.id);
  namespaces.delete('b');
  namespaces.disableWebrtc('a');
  cameras.delete(inA.id);
  t.strictSame(
    socket.events.map(({ seq, type }) => [seq, type]),
    [
      [1, 'snapshot'],
      [2, 'device-removed'],
    ],
    'operations are for operators',
  );
  t.end();
});

t.test('a slow reader is closed, the others go on', (t) => {
  const { namespaces, live } = setUp();
  const [slow, quick] = [new FakeSocket(), new FakeSocket()];
  live.add(slow, LOCAL);
  live.add(quick, LOCAL);
  slow.bufferedAmount = 2 * 1024 * 1024;
  namespaces.create('c');
  namespaces.create('d');
  t.strictSame([slow.closed, slow.terminated, slow.events.length], [[1013, 'reads too slowly'], true, 1]);
  t.equal(quick.events.length, 3);
  t.equal(live.readers, 1);
  t.end();
});

t.test('when the database opens late, readers get a new snapshot', (t) => {
  const namespaces = new FakeNamespaces(['a']);
  const live = new LiveEvents({ namespaces, clock: new FakeClock(), log: silentLog });
  const socket = new FakeSocket();
  live.add(socket, LOCAL);
  const cameras = new FakeCameras();
  cameras.create({ name: 'x', namespace: 'a', owner: 'x' });
  live.attachCameras(cameras);
  t.match(socket.events, [{ devices: [] }, { type: 'snapshot', seq: 2, devices: [{ name: 'x' }] }]);
  t.end();
});

t.test('bounds the readers, and none comes in while it stops', (t) => {
  const { live } = setUp();
  for (let at = 0; at < 32; at += 1) {
    live.requireRoom(keyOf('a'));
    live.add(new FakeSocket(), keyOf('a'));
  }
  t.throws(() => live.requireRoom(keyOf('a')), { code: 'rate_limited' });
  live.requireRoom(LOCAL);
  const socket = new FakeSocket();
  live.add(socket, LOCAL);
  live.close();
  t.strictSame(socket.closed, [1001, 'the daemon is stopping']);
  t.throws(() => live.requireRoom(LOCAL), { code: 'shutting_down' });
  t.end();
});

t.test('over a real socket: snapshot, change, and the end of the session ends it', async (t) => {
  const bench = await apiBench(t);
  await bench.network.listen({ host: '127.0.16.2', port: 0 });
  const { port } = bench.network.server.address() as AddressInfo;
  const origin = `http://127.0.16.2:${port}`;
  const { cookie } = (await bench.as('viewer')) as { cookie: string };
  const open = (headers: Record<string, string>) =>
    new WebSocket(`ws://127.0.16.2:${port}/v1/events`, { headers });
  const foreign = open({ cookie, origin: 'http://evil.test' });
  const [error] = (await once(foreign, 'error')) as [Error];
  t.match(error.message, '403');

  const socket = open({ cookie, origin });
  const frames: LiveEvent[] = [];
  socket.on('message', (data: Buffer) => frames.push(liveEventSchema.parse(JSON.parse(data.toString()))));
  await once(socket, 'message');
  t.match(frames[0], { type: 'snapshot', user: { name: 'viewer', role: 'viewer' } });
  bench.namespaces.create('c');
  await once(socket, 'message');
  t.match(frames[1], { type: 'namespace', seq: 2 });
  bench.identity.deleteUser('viewer');
  bench.clock.advance(20_000);
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  t.strictSame([code, reason.toString()], [1008, 'signed out']);
});
