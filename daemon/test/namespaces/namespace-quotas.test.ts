import t, { type Test } from 'tap';
import { DEFAULT_QUOTA } from '../../contract/quota.ts';
import type { Namespaces } from '../../namespaces/namespace-service.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';

const enabled = async (t: Test, world: World): Promise<Namespaces> => {
  const daemon = world.daemon();
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  return daemon;
};

t.test('a namespace is held to what is configured, and to its own, at once', async (t) => {
  const world = new World(t);
  const daemon = await enabled(t, world);
  t.strictSame(world.services.quotas.get('demo'), DEFAULT_QUOTA);
  await daemon.quotas.change('demo', { memoryMiB: 512, cpuPercent: 150 });
  t.strictSame(world.services.quotas.get('demo'), { ...DEFAULT_QUOTA, memoryMiB: 512, cpuPercent: 150 });
  const view = await daemon.quotas.change('demo', { memoryMiB: null, tasks: 99 });
  t.match(view, { own: { cpuPercent: 150, tasks: 99 }, problem: '', used: { tasks: 2 } });
  t.strictSame(view.quota, { ...DEFAULT_QUOTA, cpuPercent: 150, tasks: 99 });
  t.match(await daemon.status('demo'), { quota: view });
  await t.rejects(daemon.quotas.change('none', {}), { code: 'namespace_not_found' });
});

t.test('a quota in which its services could not run is refused', async (t) => {
  const daemon = new World(t).daemon({ sfuWorkers: 8 });
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  await t.rejects(daemon.quotas.change('demo', { tasks: 99 }), {
    code: 'invalid_request',
    message: /99 processes and threads are too few .* sfu\.workers: 8; it needs 110/,
  });
  t.strictSame((await daemon.quotas.view('demo')).own, {});
});

t.test('what is configured anew is in force at once, but for what is its own', async (t) => {
  const world = new World(t);
  const daemon = await enabled(t, world);
  await daemon.quotas.change('demo', { tasks: 99 });
  await daemon.retuneQuotas({ ...DEFAULT_QUOTA, memoryMiB: 700, tasks: 300 });
  t.strictSame(world.services.quotas.get('demo'), { ...DEFAULT_QUOTA, memoryMiB: 700, tasks: 99 });
  t.equal((await daemon.quotas.view('demo')).problem, '');
  world.services.quotas.clear();
  await daemon.retuneQuotas({ ...DEFAULT_QUOTA, memoryMiB: 700, tasks: 300 });
  t.equal(world.services.quotas.size, 0, 'the same again asks systemd for nothing');
});

t.test('before WebRTC is on it is only noted', async (t) => {
  const world = new World(t);
  const daemon = world.daemon();
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  t.match(await daemon.quotas.change('demo', { tasks: 99 }), { own: { tasks: 99 }, problem: '', used: null });
  t.equal(world.services.quotas.size, 0);
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  t.match(world.services.quotas.get('demo'), { tasks: 99 });
});

t.test(
  'what somebody changed is told, and set again by the next start, also without the database',
  async (t) => {
    const world = new World(t);
    const daemon = await enabled(t, world);
    await daemon.quotas.change('demo', { memoryMiB: 512 });
    world.services.quotas.set('demo', { ...DEFAULT_QUOTA, memoryMiB: 4096 });
    const [facts] = (await daemon.diagnosis.facts()).namespaces;
    t.match(facts?.quotaProblem, /memory is 4096 MiB instead of 512 MiB/);
    await daemon.stop();
    world.loseDatabase(t);
    const next = world.daemon();
    t.teardown(() => next.stop());
    await next.start();
    t.match(world.services.quotas.get('demo'), { memoryMiB: 512 });
    t.match(await next.quotas.view('demo'), { own: { memoryMiB: 512 }, problem: '' });
  },
);

t.test('a manager that refuses keeps nobody from a picture', async (t) => {
  const world = new World(t);
  world.services.limit = () => Promise.reject(new Error('Access denied'));
  const daemon = await enabled(t, world);
  t.equal(daemon.get('demo').webrtc, 'enabled');
  await t.rejects(daemon.quotas.change('demo', { tasks: 99 }), /Access denied/);
});
