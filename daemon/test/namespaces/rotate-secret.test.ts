/** The TURN secret of a namespace is rotated while its services run. */
import t, { type Test } from 'tap';
import { restPassword } from '../../credentials/turn-rest.ts';
import type { Namespaces } from '../../namespaces/namespace-service.ts';
import { ROTATE_PLAN } from '../../namespaces/saga.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';

const DAY_MS = 86_400_000;

const enabled = async (
  t: Test,
  change: Parameters<World['daemon']>[0] = {},
): Promise<{ world: World; daemon: Namespaces }> => {
  const world = new World(t);
  const daemon = world.daemon(change);
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  return { world, daemon };
};
const rotate = async (daemon: Namespaces, now = false) => {
  const { operationId } = daemon.turnAccess.rotateSecret('demo', { now });
  await settled(daemon, 'demo');
  return daemon.operation(operationId);
};
const accepted = (world: World): string[] =>
  (world.services.loaded.get('turn-demo') as { secrets: { secret: string }[] }).secrets.map(
    ({ secret }) => secret,
  );
const sfuSecret = (world: World): string =>
  (world.services.loaded.get('sfu-demo') as { turn: { secret: string } }).turn.secret;
const issuing = (daemon: Namespaces, secrets: string[]): number => {
  const { username, password } = daemon.turnCredentials('demo', { subject: 'u' });
  return secrets.findIndex((secret) => restPassword(secret, username) === password);
};

t.test('the new one issues, the older one is accepted for a day and the skew', async (t) => {
  const turnSession = { maxSeconds: 0, strictExpiry: false, clockSkewSeconds: 60 };
  const { world, daemon } = await enabled(t, { settings: { turnSession } });
  const [old] = accepted(world);
  const calls = world.services.calls.length;
  const operation = await rotate(daemon);
  t.match(operation, { kind: 'rotate-turn-secret', state: 'succeeded', error: null });
  t.same(
    operation.steps.map(({ id }) => id),
    ROTATE_PLAN.map(({ id }) => id).filter((id) => id !== 'drop-older'),
  );
  t.equal(world.services.calls.length, calls, 'no service is started or stopped');
  const both = accepted(world);
  t.equal(both.length, 2);
  t.equal(both[1], old);
  t.equal(issuing(daemon, both), 0);
  t.equal(sfuSecret(world), both[0]);
  t.notOk(JSON.stringify([operation, world.stateFile.current]).includes(both[0]!), 'nothing in clear');

  world.clock.advance(DAY_MS);
  await daemon.turnAccess.sweep();
  t.same(accepted(world), both, 'a credential of the last second lives for a day');
  world.clock.advance(60_000);
  await daemon.turnAccess.sweep();
  t.same(accepted(world), [both[0]]);
  t.equal(issuing(daemon, [both[0]!]), 0);
});

t.test(
  'the older one ends although the daemon was restarted meanwhile, and without its database',
  async (t) => {
    const { world, daemon } = await enabled(t);
    await rotate(daemon);
    const both = accepted(world);
    await daemon.stop();
    world.loseDatabase(t);
    const next = world.daemon();
    t.teardown(() => next.stop());
    await next.start();
    t.same(accepted(world), both);
    t.equal(issuing(next, both), 0);
    world.clock.advance(DAY_MS + 1);
    await next.turnAccess.sweep();
    t.same(accepted(world), [both[0]]);
  },
);

t.test('with `now` the older ones are refused at once', async (t) => {
  const { world, daemon } = await enabled(t);
  await rotate(daemon);
  const before = accepted(world);
  t.match(await rotate(daemon, true), { state: 'succeeded' });
  t.equal(accepted(world).length, 1);
  t.notOk(before.includes(accepted(world)[0]!));
  t.equal(sfuSecret(world), accepted(world)[0]);
});

t.test('a TURN service that does not answer: nothing has changed', async (t) => {
  const { world, daemon } = await enabled(t);
  const before = accepted(world);
  world.services.failing.add('reload turn-demo');
  t.match(await rotate(daemon), { state: 'failed', error: { message: /does not answer/ } });
  world.services.failing.clear();
  await daemon.turnAccess.sweep();
  t.same(accepted(world), before);
  t.equal(issuing(daemon, before), 0);
  t.same(world.store.webrtcConfig('demo')!.turnAccess.secrets, []);
  t.match(await rotate(daemon), { state: 'succeeded' }, 'and it can be tried again');
});

t.test('an SFU that does not answer is told later', async (t) => {
  const { world, daemon } = await enabled(t);
  const old = sfuSecret(world);
  world.services.failing.add('reload sfu-demo');
  const operation = await rotate(daemon);
  t.match(operation, { state: 'succeeded' });
  t.match(operation.steps.find(({ id }) => id === 'tell-sfu')!.note, /does not answer/);
  t.equal(sfuSecret(world), old, 'what it issues is still good');
  world.services.failing.clear();
  await daemon.turnAccess.sweep();
  t.equal(sfuSecret(world), accepted(world)[0]);
});

t.test('a service that does not run reads its file when it starts', async (t) => {
  const { world, daemon } = await enabled(t);
  world.services.running.delete('turn-demo');
  world.services.failing.add('reload turn-demo');
  t.match(await rotate(daemon), { state: 'succeeded' });
  t.match(world.services.configs.get('turn-demo'), { secrets: { length: 2 } });
});

t.test('at most six older secrets are kept, and the sentence says when there is room', async (t) => {
  const { daemon } = await enabled(t);
  for (let at = 0; at < 6; at += 1) t.match(await rotate(daemon), { state: 'succeeded' });
  t.throws(() => daemon.turnAccess.rotateSecret('demo', { now: false }), {
    code: 'conflict',
    message: /6 older secrets of "demo" are still good, the first of them until 2023-11-15T/,
  });
  t.match(await rotate(daemon, true), { state: 'succeeded' });
  t.match(await rotate(daemon), { state: 'succeeded' });
});

t.test('only where WebRTC is on and nothing else runs', async (t) => {
  const { daemon } = await enabled(t);
  daemon.create('off');
  t.throws(() => daemon.turnAccess.rotateSecret('off', { now: false }), { code: 'webrtc_not_enabled' });
  t.throws(() => daemon.turnAccess.rotateSecret('no', { now: false }), { code: 'namespace_not_found' });
  daemon.turnAccess.rotateSecret('demo', { now: false });
  t.throws(() => daemon.disableWebrtc('demo'), {
    code: 'operation_in_progress',
    message: /secret is being rotated for "demo"/,
  });
  t.equal(daemon.get('demo').webrtc, 'enabled');
  await settled(daemon, 'demo');
  daemon.disableWebrtc('demo');
  await settled(daemon, 'demo');
  t.match(daemon.operations()[0], { kind: 'disable-webrtc', state: 'succeeded' });
});
