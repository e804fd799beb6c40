import fc from 'fast-check';
import t from 'tap';
import { DEFAULT_TURN_LIMITS, turnLimitsSchema } from '../../contract/turn-limits.ts';
import type { TurnServiceConfig } from '../../contract/turn-config.ts';
import { shareOfNode } from '../../namespaces/node-share.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';

const TIMES = { handshakeSeconds: 10, idleConnectionSeconds: 30 };

t.test('shares are equal and never more than the budget together', (t) => {
  const budget = fc.integer({ min: 1, max: 10_000_000 });
  const names = ['allocationsOfNode', 'permissionsOfNode', 'channelsOfNode', 'bytesPerSecondOfNode'] as const;
  fc.assert(
    fc.property(fc.constantFrom(...names), budget, fc.integer({ min: 1, max: 200 }), (name, of, sharers) => {
      const share = shareOfNode({ ...DEFAULT_TURN_LIMITS, [name]: of }, sharers)[name] ?? 0;
      return share >= 1 && share * sharers <= Math.max(of, sharers);
    }),
  );
  const shared = shareOfNode({ ...DEFAULT_TURN_LIMITS, packetsPerSecondOfNode: 900 }, 3);
  t.ok(turnLimitsSchema.safeParse(shared).success);
  t.match(shared, { allocationsOfNode: 1333, packetsPerSecondOfNode: 300, bytesPerSecondOfNode: null });
  t.match(shared, { allocations: 700, allocationsPerUser: 16 }, 'only the bounds of the node are divided');
  t.same(shareOfNode(DEFAULT_TURN_LIMITS, 1), DEFAULT_TURN_LIMITS);
  const entries = Object.keys(DEFAULT_TURN_LIMITS).map((name) => [name, 1000] as const);
  const halves = shareOfNode(turnLimitsSchema.parse({ ...Object.fromEntries(entries), ...TIMES }), 2);
  for (const [name, value] of Object.entries(halves)) {
    if (!(name in TIMES)) t.equal(value, name.endsWith('OfNode') ? 500 : 1000, name);
  }
  t.end();
});

t.test('the node is divided anew when namespaces come and go, and after a failed enable', async (t) => {
  const world = new World(t);
  const daemon = world.daemon();
  t.teardown(() => daemon.stop());
  await daemon.start();
  const names = ['a', 'b', 'c', 'd', 'e'];
  const shares = (): number[] =>
    names
      .map((name) => world.services.configs.get(`turn-${name}`) as TurnServiceConfig | undefined)
      .flatMap((config) => (config === undefined ? [] : [config.limits.allocationsOfNode]));
  for (const name of names) daemon.create(name);
  const enable = (name: string): void => void daemon.enableWebrtc(name);
  for (const name of names.slice(0, 4)) enable(name);
  await Promise.all(names.map((name) => settled(daemon, name)));
  t.same(shares(), [1000, 1000, 1000, 1000], 'four that came at once');
  daemon.disableWebrtc('b');
  await settled(daemon, 'b');
  t.same(shares(), [1333, 1333, 1333]);
  world.services.failing.add('waitReady turn-e');
  enable('e');
  await settled(daemon, 'e');
  t.equal(daemon.get('e').webrtc, 'disabled');
  t.same(shares(), [1333, 1333, 1333], 'what it never took is given back');
  const again = world.daemon();
  await daemon.stop();
  const before = world.services.calls.length;
  await again.start();
  t.teardown(() => again.stop());
  t.notOk(
    world.services.calls.slice(before).some((call) => call.startsWith('stop')),
    'a start of the daemon changes no share and restarts nothing',
  );
});
