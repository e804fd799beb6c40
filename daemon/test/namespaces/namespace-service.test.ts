import t, { type Test } from 'tap';
import type { NamespaceService } from '../../api/services.ts';
import type { SfuDirectory } from '../../cameras/system.ts';
import { AppError } from '../../contract/errors.ts';
import type { Namespaces, NamespaceChange } from '../../namespaces/namespace-service.ts';
import { ENABLE_PLAN } from '../../namespaces/saga.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';

const idOf = (started: object): string => ('operationId' in started ? String(started.operationId) : '');
const running = async (t: Test, world: World, change: object = {}): Promise<Namespaces> => {
  const daemon = world.daemon(change);
  t.teardown(() => daemon.stop());
  await daemon.start();
  return daemon;
};
const noTrace = (t: Test, world: World): void => {
  t.same(world.store.webrtcConfigs(), [], 'no configuration');
  t.same(world.store.portClaims(), [], 'no ports');
  t.equal(world.services.running.size, 0, 'no process');
  t.equal(world.services.configs.size, 0, 'no file');
  t.same(world.firewall.open, [], 'no open port');
  t.equal(world.dns.names.size, 0, 'no name');
  t.same(world.stateFile.names(), [], 'nothing to boot');
  t.same(world.store.runningOperations(), [], 'nothing under way');
};

t.test('enable runs every step once and in order', async (t) => {
  const world = new World(t);
  const daemon = await running(t, world);
  const created = daemon.create('demo');
  t.match(created, { name: 'demo', webrtc: 'disabled', operationId: null });
  const id = idOf(daemon.enableWebrtc('demo'));
  t.match(daemon.get('demo'), { webrtc: 'enabling', operationId: id });
  await settled(daemon, 'demo');
  t.match(daemon.get('demo'), { webrtc: 'enabled', operationId: null });
  t.same(world.services.calls, [
    'start turn-demo',
    'waitReady turn-demo',
    'start sfu-demo',
    'waitReady sfu-demo',
  ]);
  t.same(world.stateFile.names(), ['demo']);
  const operation = daemon.operation(id);
  t.match(operation, { kind: 'enable-webrtc', namespace: 'demo', state: 'succeeded', error: null });
  t.same(
    operation.steps.map((step) => [step.id, step.state]),
    ENABLE_PLAN.map((step) => [step.id, 'done']),
  );
  t.match(await daemon.status('demo'), { allocations: 3, sessions: 2, rooms: 1, state: 'enabled' });
});

t.test('disable takes everything back; ports are given away only after the processes are gone', async (t) => {
  const world = new World(t);
  const daemon = await running(t, world);
  daemon.create('demo');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  daemon.disableWebrtc('demo');
  t.equal(daemon.signaling('demo'), undefined, 'at once');
  await settled(daemon, 'demo');
  noTrace(t, world);
  t.same(world.services.calls.slice(4), [
    'drain sfu-demo',
    'drain turn-demo',
    'stop sfu-demo',
    'stop turn-demo',
  ]);
  t.throws(() => daemon.disableWebrtc('demo'), { code: 'webrtc_not_enabled' });
});

t.test('every step that fails is rolled back without a trace, and can be tried again', async (t) => {
  const failures: Record<string, (world: World) => object> = {
    'start-turn': (world) => (world.services.failing.add('start turn-demo'), {}),
    'await-turn': (world) => (world.services.failing.add('waitReady turn-demo'), {}),
    'start-sfu': (world) => (world.services.failing.add('start sfu-demo'), {}),
    'await-sfu': (world) => (world.services.failing.add('waitReady sfu-demo'), {}),
    'prove-relay': () => ({
      proof: { prove: () => Promise.reject(new AppError('proof_failed', 'No answer through the relay.')) },
    }),
  };
  for (const [step, fail] of Object.entries(failures)) {
    const world = new World(t);
    const change = fail(world);
    const daemon = await running(t, world, change);
    daemon.create('demo');
    const id = idOf(daemon.enableWebrtc('demo'));
    await settled(daemon, 'demo');
    const operation = daemon.operation(id);
    t.equal(operation.state, 'failed', step);
    t.match(operation.error, { code: /service_failed|proof_failed/, message: String });
    const at = operation.steps.findIndex((one) => one.id === step);
    t.same(new Set(operation.steps.slice(0, at).map((one) => one.state)), new Set(['undone']), step);
    t.equal(operation.steps[at]!.state, 'failed');
    t.ok(operation.steps.slice(at + 1).every((one) => one.state === 'pending'));
    noTrace(t, world);
    world.services.failing.clear();
    if (step === 'prove-relay') continue;
    daemon.enableWebrtc('demo');
    await settled(daemon, 'demo');
    t.equal(daemon.get('demo').webrtc, 'enabled', `after ${step}`);
  }
});

t.test('a process that does not end keeps its ports, and a disable finishes it', async (t) => {
  const world = new World(t);
  world.services.failing.add('waitReady sfu-demo').add('stop turn-demo');
  const daemon = await running(t, world);
  daemon.create('demo');
  const id = idOf(daemon.enableWebrtc('demo'));
  await settled(daemon, 'demo');
  t.match(daemon.operation(id).error, { message: /roll back stopped.*Disable WebRTC/ });
  t.equal(world.store.portClaims().length, 1, 'the ports are kept');
  t.equal(daemon.get('demo').webrtc, 'degraded');
  t.throws(() => daemon.enableWebrtc('demo'), { code: 'webrtc_already_enabled' });
  world.services.failing.clear();
  daemon.disableWebrtc('demo');
  await settled(daemon, 'demo');
  noTrace(t, world);
});

t.test('refusals come before anything is written', async (t) => {
  const world = new World(t);
  const daemon = await running(t, world);
  t.throws(() => daemon.enableWebrtc('nobody'), { code: 'namespace_not_found' });
  t.throws(() => daemon.create('No Name'), { code: 'invalid_request' });
  daemon.create('demo');
  t.throws(() => daemon.create('demo'), { code: 'namespace_exists' });
  const changes = world.changes;
  t.throws(() => daemon.enableWebrtc('demo', { turnPort: 20001 }), { code: 'port_taken' });
  t.equal(world.changes, changes, 'nothing changed');
  daemon.enableWebrtc('demo');
  t.throws(() => daemon.enableWebrtc('demo'), { code: 'operation_in_progress' });
  t.throws(() => daemon.disableWebrtc('demo'), { code: 'operation_in_progress' });
  t.throws(() => daemon.delete('demo'), { code: 'namespace_in_use' });
  await settled(daemon, 'demo');
  t.throws(() => daemon.delete('demo'), { code: 'namespace_in_use' });
  t.throws(() => daemon.operation('op-none'), { code: 'operation_not_found' });
  t.throws(() => daemon.turnCredentials('none', { subject: 's' }), { code: 'namespace_not_found' });
  t.throws(() => daemon.sfuDirectory().turnCredentials('x', { subject: 's' }), {
    code: 'credential_not_configured',
  });
});

t.test('a dry run says what each step is about, as it is then done, and changes nothing', async (t) => {
  const world = new World(t);
  const daemon = await running(t, world);
  daemon.create('demo');
  const stepsOf = (steps: readonly { id: string; label: string }[]): string[] =>
    steps.map(({ id, label }) => `${id}: ${label}`);
  const noteOf = (steps: readonly { id: string; note: string | null }[], id: string): string | null =>
    steps.find((step) => step.id === id)?.note ?? null;
  world.busy.push({ protocol: 'udp', address: '192.0.2.7', port: 3478, holder: 'coturn' });
  const changes = world.changes;
  const plan = await daemon.planEnable('demo');
  await t.rejects(daemon.planEnable('demo', { turnPort: 3478 }), { code: 'port_taken' }, 'asks the system');
  t.throws(() => daemon.planDisable('demo'), { code: 'webrtc_not_enabled' });
  t.equal(world.changes, changes, 'nothing changed');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  const done = daemon.operations()[0]?.steps ?? [];
  t.same(stepsOf(plan), stepsOf(done));
  for (const id of ['open-firewall', 'publish-dns']) t.equal(noteOf(plan, id), noteOf(done, id));
  t.match(
    noteOf(plan, 'claim-ports'),
    /^TURN port 3480, TURNS port 5349\. Relay 49152-49951, media 20000-20499, signaling 30000\. The TURN port 3478 .*coturn/,
  );
  await t.rejects(daemon.planEnable('demo'), { code: 'webrtc_already_enabled' });
  const way = daemon.planDisable('demo');
  daemon.disableWebrtc('demo');
  await settled(daemon, 'demo');
  t.same(stepsOf(way), stepsOf(daemon.operations()[0]?.steps ?? []));
  t.match(noteOf(way, 'release-ports'), /TURN port 3480.*media 20000-20499/);
  t.match(noteOf(way, 'close-firewall'), /udp 3480/);
  t.match(noteOf(way, 'withdraw-dns'), /^turn\.ns-demo\.example\.com A /);
});

t.test('a second daemon on the same database loses the race', async (t) => {
  const world = new World(t);
  const [one, two] = [await running(t, world), await running(t, world)];
  one.create('demo');
  one.enableWebrtc('demo');
  t.throws(() => two.enableWebrtc('demo'), { code: 'operation_in_progress' });
  await settled(one, 'demo');
});

t.test('20 namespaces are enabled at once and the 21st is refused by name', async (t) => {
  const world = new World(t);
  const daemon = await running(t, world);
  const names = Array.from({ length: 20 }, (_, at) => `n${at}`);
  for (const name of names) daemon.create(name);
  for (const name of names) daemon.enableWebrtc(name);
  await Promise.all(names.map((name) => settled(daemon, name)));
  t.ok(names.every((name) => daemon.get(name).webrtc === 'enabled'));
  daemon.create('late');
  t.throws(() => daemon.enableWebrtc('late'), { code: 'ports_exhausted', details: { count: 20 } });
  daemon.disableWebrtc('n7');
  await settled(daemon, 'n7');
  daemon.enableWebrtc('late');
  await settled(daemon, 'late');
  t.equal(daemon.get('late').webrtc, 'enabled', 'released ports are used again');
});

t.test(
  'a port that another program holds is passed over and reported; a chosen one is refused',
  async (t) => {
    const world = new World(t);
    world.busy.push({ protocol: 'udp', address: '0.0.0.0', port: 3478, holder: 'coturn, process 7' });
    world.busy.push({ protocol: 'udp', address: '10.9.0.1', port: 20000 });
    for (let port = 49152; port < 49200; port += 1) {
      world.busy.push({ protocol: 'udp', address: '10.9.0.1', port });
    }
    world.busy.push({ protocol: 'udp', address: '10.9.0.1', port: 50000 });
    const daemon = await running(t, world);
    daemon.create('demo');
    const chosen = idOf(daemon.enableWebrtc('demo', { turnPort: 3478 }));
    await settled(daemon, 'demo');
    const message =
      /TURN port 3478 \(udp\) cannot be bound on 0\.0\.0\.0: another program \(coturn, process 7\) holds it/;
    t.match(daemon.operation(chosen).error, { code: 'port_taken', message });
    const id = idOf(daemon.enableWebrtc('demo'));
    await settled(daemon, 'demo');
    const [claim] = world.store.portClaims();
    t.match(claim!.blocks, { turn: 3480, sfuMedia: { minPort: 20500 }, turnRelay: { minPort: 49952 } });
    const note = daemon.operation(id).steps.find((step) => step.id === 'claim-ports')!.note;
    t.match(note, /TURN port 3480.*media block 20000-20499.*relay block 49152-49951.*3478/);
  },
);

t.test("a public relay is stored and told, and refused where its address is not this host's", async (t) => {
  const world = new World(t);
  const daemon = await running(t, world);
  daemon.create('demo');
  daemon.create('plain');
  idOf(daemon.enableWebrtc('demo', { relay: 'public' }));
  idOf(daemon.enableWebrtc('plain'));
  await settled(daemon, 'demo');
  await settled(daemon, 'plain');
  t.match(await daemon.status('demo'), { state: 'enabled', relay: 'public' });
  t.match(await daemon.status('plain'), { state: 'enabled', relay: 'sfu' });
  t.match(world.services.configs.get('turn-demo'), {
    relay: { addresses: ['192.0.2.7'] },
    peers: { scope: 'public', deny: ['192.0.2.7', '0.0.0.0', '10.9.0.1'] },
  });
  t.match(world.services.configs.get('sfu-demo'), { relays: [{ address: '192.0.2.7' }] });
  t.match(world.services.configs.get('turn-plain'), {
    relay: { addresses: ['10.9.0.1'] },
    peers: { scope: 'sfu' },
  });
  t.match(world.stateFile.current, /"relay_scope": "public"/);
  world.loseDatabase(t);
  const next = await running(t, world);
  t.match(await next.status('demo'), { state: 'enabled', relay: 'public' }, 'from the state file');

  world.busy.push({ protocol: 'udp', address: '192.0.2.7', port: 0 });
  next.create('nat');
  const id = idOf(next.enableWebrtc('nat', { relay: 'public' }));
  await settled(next, 'nat');
  t.match(next.operation(id).error, {
    code: 'invalid_request',
    message: /no 192\.0\.2\.7 \(is it behind a NAT\?\)/,
  });
  t.match(await next.status('nat'), { state: 'disabled' });
});

t.test('changes are told once each, and a listener that fails harms nobody', async (t) => {
  const world = new World(t);
  const daemon = await running(t, world);
  const told: NamespaceChange[] = [];
  daemon.subscribe(() => {
    throw new Error('bad listener');
  });
  daemon.subscribe((change) => told.push(change));
  daemon.create('demo');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  const states = told.flatMap((change) => (change.type === 'namespace' ? [change.namespace.webrtc] : []));
  t.same(states, ['disabled', 'enabling', 'enabled']);
  const operations = told.flatMap((change) => (change.type === 'operation' ? [change.operation] : []));
  t.equal(operations.at(-1)!.state, 'succeeded');
  const runs = operations.flatMap((one) => one.steps.filter((step) => step.state === 'running'));
  t.same(
    [...new Set(runs.map((step) => step.id))],
    ENABLE_PLAN.map((step) => step.id),
  );
  t.match(operations.at(-1)!.steps.at(-1), { durationMs: Number });
});

t.test('credentials live as long as asked, within bounds', async (t) => {
  const world = new World(t);
  const daemon = await running(t, world);
  daemon.create('demo');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  const ttl = (ttlSeconds?: number): number =>
    daemon.turnCredentials('demo', { subject: 'u', ...(ttlSeconds === undefined ? {} : { ttlSeconds }) }).ttl;
  t.same([ttl(), ttl(3600), ttl(1), ttl(1e9)], [600, 3600, 30, 86400]);
  const { uris, urls, password, credential } = daemon.turnCredentials('demo', { subject: 'u' });
  t.same(uris, urls);
  t.equal(password, credential);
});

t.test('an address that would open the SFU is refused at once', (t) => {
  const world = new World(t);
  for (const shieldAddress of ['0.0.0.0', '::', '8.8.8.8', 'nonsense', '']) {
    t.throws(() => world.daemon({ shieldAddress }), { code: 'invalid_request' }, shieldAddress);
  }
  t.throws(() => world.daemon({ publicAddresses: [] }), { code: 'invalid_request' });
  t.end();
});

t.test('it is what the API and the cameras ask for', async (t) => {
  const daemon = await running(t, new World(t));
  // Held by the type checker.
  const service: NamespaceService = daemon;
  const directory: SfuDirectory = daemon.sfuDirectory();
  t.same(service.list(), []);
  t.equal(directory.sfu('demo'), undefined);
});
