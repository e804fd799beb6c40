import fc from 'fast-check';
import t from 'tap';
import { daemonConfigSchema } from '../../contract/daemon-config.ts';
import { AppError } from '../../contract/errors.ts';
import {
  claimPorts,
  claimRanges,
  DEFAULT_PORT_PLAN,
  planCapacity,
  portPlanOf,
  portPlanProblems,
  type PortPlan,
} from '../../namespaces/port-ledger.ts';
import type { PortClaim } from '../../namespaces/system.ts';

const node = 'local';
const claim = (claims: PortClaim[], namespace: string, more: object = {}): PortClaim =>
  claimPorts(claims, DEFAULT_PORT_PLAN, { node, namespace, ...more });
const refusal = (act: () => unknown): AppError => {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('was not refused');
};

t.test('the first namespace gets the first ports', (t) => {
  t.same(claim([], 'a').blocks, {
    sfuSignaling: 30000,
    sfuMedia: { minPort: 20000, maxPort: 20499 },
    turnRelay: { minPort: 49152, maxPort: 49951 },
    turn: 3478,
    turns: 5349,
  });
  t.end();
});

t.test('the second gets the next ones, the same on another node gets the first', (t) => {
  const first = claim([], 'a');
  t.same(claim([first], 'b').blocks, {
    sfuSignaling: 30001,
    sfuMedia: { minPort: 20500, maxPort: 20999 },
    turnRelay: { minPort: 49952, maxPort: 50751 },
    turn: 3480,
    turns: 5351,
  });
  t.same(claim([{ ...first, node: 'other' }], 'b').blocks, first.blocks);
  t.end();
});

t.test('20 namespaces fit and the 21st is refused by name', (t) => {
  const claims: PortClaim[] = [];
  for (let at = 0; at < 20; at += 1) claims.push(claim(claims, `n${at}`));
  t.equal(planCapacity(DEFAULT_PORT_PLAN), 20);
  const error = refusal(() => claim(claims, 'n20'));
  t.equal(error.code, 'ports_exhausted');
  t.match(error.message, /20/);
  t.match(error.details, { role: /sfuMedia|turnRelay/, count: 20 });
  t.end();
});

t.test('with room for more media blocks it is the relay blocks that run out', (t) => {
  const plan: PortPlan = {
    ...DEFAULT_PORT_PLAN,
    sfuMedia: { minPort: 10000, maxPort: 29999, size: 500 },
  };
  const claims: PortClaim[] = [];
  for (let at = 0; at < 20; at += 1) claims.push(claimPorts(claims, plan, { node, namespace: `n${at}` }));
  const error = refusal(() => claimPorts(claims, plan, { node, namespace: 'n20' }));
  t.match(error.details, { role: 'turnRelay', count: 20 });
  t.end();
});

t.test('a chosen listener port is taken, refused when it is in use or reserved', (t) => {
  const first = claim([], 'a', { turnPort: 443, turnsPort: 8443 });
  t.match(first.blocks, { turn: 443, turns: 8443 });
  t.equal(refusal(() => claim([first], 'b', { turnPort: 443 })).code, 'port_taken');
  t.equal(refusal(() => claim([first], 'b', { turnPort: 8443 })).code, 'port_taken', 'across the kinds');
  t.equal(refusal(() => claim([first], 'b', { turnPort: 20100 })).code, 'port_taken');
  t.match(
    refusal(() => claim([], 'b', { turnPort: 700, turnsPort: 700 })),
    {
      code: 'port_taken',
      message: /cannot share the port 700/,
    },
  );
  t.end();
});

t.test('a busy block is passed over', (t) => {
  const busy = new Map([
    ['sfuMedia', new Set([20000])],
    ['turn', new Set([3478, 3480])],
  ] as const);
  const found = claimPorts([], DEFAULT_PORT_PLAN, { node, namespace: 'a' }, busy);
  t.match(found.blocks, { sfuMedia: { minPort: 20500 }, turn: 3482, turnRelay: { minPort: 49152 } });
  t.end();
});

t.test('the default configuration gives the default plan', (t) => {
  t.same(portPlanOf(daemonConfigSchema.parse({}).ports), DEFAULT_PORT_PLAN);
  t.end();
});

t.test('a plan with problems is told in sentences', (t) => {
  t.same(portPlanProblems(DEFAULT_PORT_PLAN), []);
  const overlapping = { ...DEFAULT_PORT_PLAN, sfuMedia: { minPort: 29000, maxPort: 30050, size: 500 } };
  t.match(portPlanProblems(overlapping).join('\n'), /SFU signaling port and SFU media block overlap/);
  const tiny = { ...DEFAULT_PORT_PLAN, turnRelay: { minPort: 60000, maxPort: 60010, size: 800 } };
  t.match(portPlanProblems(tiny).join('\n'), /no block of 800/);
  const outside = { ...DEFAULT_PORT_PLAN, turn: { minPort: 65000, maxPort: 66000, step: 2 } };
  t.match(portPlanProblems(outside).join('\n'), /1 and 65535/);
  t.end();
});

const operations = fc.array(
  fc.record({
    act: fc.constantFrom('claim', 'claim', 'release'),
    node: fc.constantFrom('x', 'y'),
    namespace: fc.integer({ min: 0, max: 29 }).map((at) => `n${at}`),
    turnPort: fc.option(fc.integer({ min: 3470, max: 3500 }), { nil: undefined }),
  }),
  { maxLength: 120 },
);

t.test('any run of claims and releases: no overlap, no leak, idempotent', (t) => {
  fc.assert(
    fc.property(operations, (steps) => {
      let claims: PortClaim[] = [];
      for (const step of steps) {
        const same = (one: PortClaim): boolean => one.node === step.node && one.namespace === step.namespace;
        if (step.act === 'release') {
          claims = claims.filter((one) => !same(one));
          continue;
        }
        try {
          const got = claimPorts(claims, DEFAULT_PORT_PLAN, step);
          const known = claims.find(same);
          if (known !== undefined && known !== got) return false;
          if (known === undefined) claims.push(got);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          // No leak: exhaustion is told only when the node is really full.
          const held = claims.filter((one) => one.node === step.node).length;
          if (error.code === 'ports_exhausted' && held < 20) return false;
        }
      }
      for (const name of ['x', 'y']) {
        const ranges = claims.filter((one) => one.node === name).flatMap((one) => claimRanges(one.blocks));
        ranges.sort((a, b) => a.minPort - b.minPort);
        if (ranges.some((range, at) => at > 0 && range.minPort <= ranges[at - 1]!.maxPort)) return false;
      }
      const copy = JSON.parse(JSON.stringify(claims)) as PortClaim[];
      return copy.every((one) => claimPorts(copy, DEFAULT_PORT_PLAN, one) === one);
    }),
    { numRuns: 200 },
  );
  t.pass('200 runs');
  t.end();
});
