/** Subjects are revoked while the services run: by operators, and because they were deleted. */
import t, { type Test } from 'tap';
import type { Namespaces } from '../../namespaces/namespace-service.ts';
import { revocableSubject, withRevoked } from '../../namespaces/turn-access.ts';
import { NO_TURN_ACCESS } from '../../contract/turn-access.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';

const DAY_MS = 86_400_000;
const FOR_GOOD = 253_402_300_799_000;

const enabled = async (t: Test, ...names: string[]): Promise<{ world: World; daemon: Namespaces }> => {
  const world = new World(t);
  const daemon = world.daemon();
  t.teardown(() => daemon.stop());
  await daemon.start();
  for (const name of names) {
    daemon.create(name);
    daemon.enableWebrtc(name);
    await settled(daemon, name);
  }
  return { world, daemon };
};
/** What the running TURN service refuses. */
const refused = (world: World, name = 'demo') =>
  (world.services.loaded.get(`turn-${name}`) as { revoked: { subject: string; untilMs: number }[] }).revoked;

t.test('an operator revokes until it is taken back', async (t) => {
  const { world, daemon } = await enabled(t, 'demo', 'other');
  t.match(await daemon.turnAccess.revoke('demo', 'alice'), { subject: 'alice' });
  t.same(refused(world), [{ subject: 'alice', untilMs: FOR_GOOD }]);
  t.same(refused(world, 'other'), [], 'in its namespace only');
  t.throws(() => daemon.turnCredentials('demo', { subject: 'alice' }), {
    code: 'forbidden',
    message: /unrevoke --namespace demo --subject alice/,
  });
  t.ok(daemon.turnCredentials('demo', { subject: 'bob' }));
  t.ok(daemon.turnCredentials('other', { subject: 'alice' }));
  world.clock.advance(400 * DAY_MS);
  await daemon.turnAccess.sweep();
  t.same(daemon.turnAccess.revoked('demo'), { items: [{ subject: 'alice', until: null }] });
  await daemon.turnAccess.unrevoke('demo', 'alice');
  t.same(refused(world), []);
  t.ok(daemon.turnCredentials('demo', { subject: 'alice' }));
  await t.rejects(daemon.turnAccess.unrevoke('demo', 'alice'), { code: 'not_found' });
  await t.rejects(daemon.turnAccess.revoke('nobody', 'alice'), { code: 'namespace_not_found' });
});

t.test('who was deleted is refused everywhere, for the life of its last credential', async (t) => {
  const { world, daemon } = await enabled(t, 'demo', 'other');
  await daemon.turnAccess.depart('key:1-2', 'demo');
  t.match(refused(world), [{ subject: 'key_1-2' }], 'as it stands in usernames');
  t.same(refused(world, 'other'), []);
  await daemon.turnAccess.depart('dana');
  for (const name of ['demo', 'other']) {
    t.match(refused(world, name)[0], { subject: 'dana', untilMs: world.clock.nowMs() + DAY_MS }, name);
  }
  world.clock.advance(DAY_MS);
  await daemon.turnAccess.sweep();
  t.same([refused(world), refused(world, 'other')], [[], []]);
  t.ok(daemon.turnCredentials('demo', { subject: 'dana' }));
});

t.test('it outlives the daemon and its database', async (t) => {
  const { world, daemon } = await enabled(t, 'demo');
  await daemon.turnAccess.revoke('demo', 'pat:0badc0de');
  await daemon.turnAccess.depart('dana');
  await daemon.stop();
  const before = refused(world);
  world.services.running.clear();
  world.services.configs.clear();
  world.loseDatabase(t);
  const next = world.daemon();
  t.teardown(() => next.stop());
  await next.start();
  t.same(refused(world), before);
  t.equal(before.length, 2);
});

t.test('a TURN service that does not answer is told as soon as it does', async (t) => {
  const { world, daemon } = await enabled(t, 'demo');
  world.services.failing.add('reload turn-demo');
  await daemon.turnAccess.revoke('demo', 'alice');
  t.throws(() => daemon.turnCredentials('demo', { subject: 'alice' }), { code: 'forbidden' });
  t.same(refused(world), []);
  world.services.failing.clear();
  await daemon.turnAccess.sweep();
  t.match(refused(world), [{ subject: 'alice' }]);
});

t.test('a rotation keeps what is revoked, and the other way round', async (t) => {
  const { world, daemon } = await enabled(t, 'demo');
  await daemon.turnAccess.revoke('demo', 'alice');
  daemon.turnAccess.rotateSecret('demo', { now: false });
  await daemon.turnAccess.revoke('demo', 'bob');
  await settled(daemon, 'demo');
  t.same(
    refused(world).map(({ subject }) => subject),
    ['bob', 'alice'],
  );
  t.match(world.services.loaded.get('turn-demo'), { secrets: { length: 2 } });
});

t.test('a revocation is never cut short', (t) => {
  const until = (...ends: (number | null)[]): number | null | undefined =>
    ends.reduce((access, end) => withRevoked(access, 'a', end), NO_TURN_ACCESS).revoked[0]?.untilMs;
  t.same([until(5, 9), until(9, 5), until(5, null), until(null, 5)], [9, 9, null, null]);
  t.same(['key:1', 'pat:0badc0de', 'app:client-1', 'bad name'].map(revocableSubject), [
    'key_1',
    'pat:0badc0de',
    'app:client-1',
    'bad_name',
  ]);
  t.end();
});
