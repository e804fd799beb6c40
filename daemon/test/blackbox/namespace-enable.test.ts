/** Enable, survive, boot and disable a namespace with the real TURN and SFU processes. */
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { isGone } from '../helpers/is-gone.ts';
import { ended, realNode, type RealNode } from '../helpers/namespace-real.ts';
import { temporaryDirectory } from '../helpers/namespace-directory.ts';

t.jobs = 1;
/** Of this run: another one on the same machine uses the same ports. */
const address = `127.0.15.${String(1 + (process.pid % 250))}`;

const enable = async (node: RealNode, name: string): Promise<void> => {
  const started = node.namespaces.enableWebrtc(name);
  const operation = await ended(node.namespaces, 'operationId' in started ? started.operationId : '');
  if (operation.state !== 'succeeded') throw new Error(JSON.stringify(operation, null, 2));
};
const node = async (t: Test, dataDir: string, more: object = {}): Promise<RealNode> => {
  const made = await realNode({ dataDir, address, stopServicesOnExit: true, ...more });
  t.teardown(() => made.close());
  return made;
};

t.test('enables with proof, tells the truth, disables without a trace', async (t) => {
  const dataDir = temporaryDirectory(t);
  const { namespaces, store } = await node(t, dataDir);
  await namespaces.start();
  namespaces.create('demo');
  const states: string[] = [];
  namespaces.subscribe((change) => {
    if (change.type === 'namespace') states.push(change.namespace.webrtc);
  });
  const started = namespaces.enableWebrtc('demo');
  const id = 'operationId' in started ? started.operationId : '';
  t.throws(() => namespaces.enableWebrtc('demo'), { code: 'operation_in_progress' });
  const operation = await ended(namespaces, id);
  t.match(operation, { state: 'succeeded', error: null });
  for (const step of operation.steps) t.match(step, { state: 'done', durationMs: Number }, step.label);
  t.match(operation.steps.find((step) => step.id === 'prove-relay')?.note, /answered through the relay/);
  t.throws(() => namespaces.enableWebrtc('demo'), { code: 'webrtc_already_enabled' });

  const status = await namespaces.status('demo');
  t.match(status, {
    state: 'enabled',
    turn: { up: 'up', pid: Number, restarts: 0 },
    sfu: { up: 'up', pid: Number, restarts: 0 },
    ports: { turn: 26500, sfuSignaling: 26000 },
    uris: [
      `turn:${address}:26500?transport=udp`,
      `turn:${address}:26500?transport=tcp`,
      `turns:${address}:26520?transport=tcp`,
      `turns:${address}:26520?transport=udp`,
    ],
    sessions: 0,
    rooms: 0,
  });
  t.match(namespaces.signaling('demo'), { address, port: 26000, ticketKey: String });
  const credentials = namespaces.turnCredentials('demo', { subject: 'camera-1' });
  t.match(credentials, { ttl: 600, username: /:demo:camera-1$/, uris: status.uris });
  t.ok(namespaces.sfuDirectory().sfu('demo'));
  const file = join(dataDir, 'cluster_state.json');
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(readFileSync(file, 'utf8'), /"name": "demo"/);
  const { ticketKey } = namespaces.signaling('demo')!;
  t.notOk(readFileSync(file, 'utf8').includes(ticketKey), 'nothing in clear');

  const stopped = namespaces.disableWebrtc('demo');
  t.match(await ended(namespaces, stopped.operationId), { state: 'succeeded' });
  t.ok((await isGone(status.turn!.pid!)) && (await isGone(status.sfu!.pid!)));
  t.same(store.portClaims(), []);
  t.same(store.webrtcConfigs(), []);
  t.notOk(existsSync(join(dataDir, 'services/turn-demo.json')));
  t.notOk(existsSync(join(dataDir, 'turn-certificates/demo.pem')));
  t.match(await namespaces.status('demo'), { state: 'disabled', turn: null, sfu: null, uris: [] });
  t.throws(() => namespaces.turnCredentials('demo', { subject: 'x' }), { code: 'webrtc_not_enabled' });
  t.equal(namespaces.signaling('demo'), undefined);
  namespaces.delete('demo');
  t.same(states, ['enabling', 'enabled', 'disabling', 'disabled']);
});

t.test('services outlive the daemon, are adopted, and a lost database is learned again', async (t) => {
  const dataDir = temporaryDirectory(t);
  const first = await realNode({ dataDir, address, stopServicesOnExit: false });
  t.teardown(async () => {
    for (const kind of ['sfu', 'turn'] as const) await first.services.stop({ kind, namespace: 'demo' });
  });
  await first.namespaces.start();
  first.namespaces.create('demo');
  await enable(first, 'demo');
  const before = await first.namespaces.status('demo');
  await first.close();
  t.notOk(await isGone(before.turn!.pid!), 'the TURN service goes on');

  const second = await realNode({ dataDir, address, stopServicesOnExit: false });
  await second.namespaces.start();
  const after = await second.namespaces.status('demo');
  t.equal(after.turn!.pid, before.turn!.pid, 'the same TURN process');
  t.equal(after.sfu!.pid, before.sfu!.pid, 'the same SFU process');
  t.same(after.ports, before.ports);
  t.match(after, { state: 'enabled', turn: { up: 'up' }, sfu: { up: 'up' } });
  await second.close();

  for (const file of ['turnkeep.db', 'turnkeep.db-wal', 'turnkeep.db-shm']) {
    rmSync(join(dataDir, file), { force: true });
  }
  truncateSync(join(dataDir, 'cluster_state.json'), 200);
  const third = await node(t, dataDir);
  await third.namespaces.start();
  const again = await third.namespaces.status('demo');
  t.match(again, { state: 'enabled', turn: { up: 'up', pid: before.turn!.pid } }, 'from the second copy');
  t.same(again.ports, before.ports);
});

t.test('a namespace comes back on the same ports after a power cut that took the database', async (t) => {
  const dataDir = temporaryDirectory(t);
  const first = await realNode({ dataDir, address, stopServicesOnExit: true });
  await first.namespaces.start();
  first.namespaces.create('other');
  first.namespaces.create('demo');
  await enable(first, 'other');
  await enable(first, 'demo');
  const before = await first.namespaces.status('demo');
  await first.close();
  t.ok(await isGone(before.turn!.pid!), 'an orderly stop of the development daemon ends the services');

  const second = await node(t, dataDir, { databaseFile: 'new.db' });
  await second.namespaces.start();
  const after = await second.namespaces.status('demo');
  t.match(after, { state: 'enabled', turn: { up: 'up' }, sfu: { up: 'up' } });
  t.same(after.ports, before.ports);
  t.match(
    second.store.portClaims().map((claim) => claim.namespace),
    ['demo', 'other'],
  );
});

t.test('a TURN port that was taken meanwhile keeps nobody waiting, is named, and heals', async (t) => {
  const dataDir = temporaryDirectory(t);
  const first = await realNode({ dataDir, address, stopServicesOnExit: true });
  await first.namespaces.start();
  first.namespaces.create('demo');
  await enable(first, 'demo');
  const { turn: port } = (await first.namespaces.status('demo')).ports!;
  await first.close();
  const thief = createServer().listen(port, address);
  await once(thief, 'listening');

  // Waiting for the services would take ten minutes: that the start ends is the proof.
  const times = { bootReadyTimeoutMs: 600_000, probeTimeoutMs: 10_000 };
  const second = await node(t, dataDir, { change: { times } });
  const failures: (string | null)[] = [];
  const healed = new Promise<void>((resolve) => {
    second.services.watch(({ kind }, { state, failure }) => {
      if (kind !== 'turn') return;
      if (state === 'ready') resolve();
      if (state === 'waiting') failures.push(failure);
    });
  });
  await second.namespaces.start();
  thief.close();
  t.equal(second.namespaces.get('demo').webrtc, 'degraded');
  t.match(
    failures[0],
    `Cannot listen on tcp ${address}:${String(port)}: another program (node namespace-enable.test.ts, process ${String(process.pid)}) uses this port; stop it, or give the namespace another TURN port.`,
  );
  await healed;
  t.match(await second.namespaces.status('demo'), {
    state: 'enabled',
    turn: { up: 'up' },
    sfu: { up: 'up' },
  });
});

t.test('a killed SFU comes back and the cameras hear of it', async (t) => {
  const dataDir = temporaryDirectory(t);
  const { namespaces } = await node(t, dataDir);
  await namespaces.start();
  namespaces.create('demo');
  const directory = namespaces.sfuDirectory();
  const events: string[] = [];
  let next: (() => void) | undefined;
  directory.watch((event) => {
    events.push(event.type);
    if (events.join(' ') === 'connected disconnected connected') next?.();
  });
  const started = namespaces.enableWebrtc('demo');
  await ended(namespaces, 'operationId' in started ? started.operationId : '');
  const { sfu } = await namespaces.status('demo');
  const back = new Promise<void>((resolve) => {
    next = resolve;
  });
  process.kill(sfu!.pid!, 'SIGKILL');
  await back;
  t.same(events, ['connected', 'disconnected', 'connected']);
  t.match(await namespaces.status('demo'), { sfu: { up: 'up', restarts: 1 }, turn: { restarts: 0 } });
});
