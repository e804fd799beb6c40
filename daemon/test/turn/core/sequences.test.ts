/** Random sequences of operations: whatever happens, nothing leaks and nothing outlives its owner. */
import fc from 'fast-check';
import t from 'tap';
import { METHOD } from '../../../turn/codec/attribute-types.ts';
import { requestedTransport } from '../../../turn/codec/attributes.ts';
import { NO_SESSION_RULES } from '../../../turn/core/session-rules.ts';
import { Bench, user } from './harness.ts';
import { EXTRAS, SequenceRun } from './sequence-run.ts';

const step = fc.record({
  kind: fc.constantFrom(
    'challenge',
    'allocate',
    'opened',
    'failed',
    'redeem',
    'refresh',
    'release',
    'permit',
    'bind',
    'send',
    'closed',
    'wait',
    'disconnect',
    'reload',
    'drain',
  ),
  client: fc.nat(4),
  pick: fc.nat(4),
});
t.test('no relay leaks, no channel is orphaned, quotas add up, promises are kept to the second', (t) => {
  const maxSeconds = fc.constantFrom(0, 1000);
  // Without a size most sequences end before the first allocation is open.
  const steps = fc.array(step, { maxLength: 120, size: 'max' });
  fc.assert(
    fc.property(steps, maxSeconds, (steps, maxSeconds) => {
      const run = new SequenceRun({ ...NO_SESSION_RULES, maxSeconds });
      for (const one of steps) {
        run.take(one);
        run.bench.advance(0); // What is due by now, the server's timer takes out.
        const broken = run.promises.broken(run.bench);
        if (broken !== undefined) throw new Error(broken);
        if (!consistent(run.bench)) return false;
      }
      return run.endsEmpty();
    }),
    { numRuns: 200 },
  );
  t.pass('for every sequence');
  t.end();
});

t.test('nothing is remembered before authentication', (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ port: fc.nat(65535), method: fc.nat(12), signed: fc.boolean(), pick: fc.nat(3) }),
        {
          maxLength: 60,
        },
      ),
      (requests) => {
        const bench = new Bench();
        for (const { port, method, signed, pick } of requests) {
          const client = bench.client(port, { username: user().username, password: 'guessed' });
          if (signed) bench.once(client, client.session.request(METHOD.ALLOCATE, []));
          bench.feed(
            client,
            client.session.request(method, [requestedTransport(17), ...EXTRAS[pick]!]).bytes,
          );
        }
        return Object.values(bench.core.sizes).every((size) => size === 0) && bench.relays.size === 0;
      },
    ),
  );
  t.pass('for every sequence');
  t.end();
});

function consistent(bench: Bench): boolean {
  let owned = 0;
  const held = { allocations: bench.core.sizes.reservations, permissions: 0, channels: 0 };
  for (const allocation of bench.core.allocations()) {
    owned += allocation.relays.length;
    held.allocations += 1;
    held.permissions += allocation.permissions.length;
    held.channels += allocation.channels.size;
    if (allocation.state === 'ended') return false;
    if (allocation.state === 'open' && allocation.relays.length === 0) return false;
    for (const channel of allocation.channels.values()) {
      if (allocation.hosts.get(channel.address)?.channels.get(channel.port) !== channel) return false;
      if (!allocation.relays.includes(channel.relay)) return false;
    }
    for (const host of allocation.hosts.values()) {
      if (!host.permitted && host.channels.size === 0) return false;
      for (const channel of host.channels.values()) {
        if (allocation.channels.get(channel.number) !== channel) return false;
      }
    }
  }
  for (const { name, used } of bench.core.limits) {
    if (name in held && used !== held[name as keyof typeof held]) return false;
  }
  return bench.relays.size === owned + bench.core.sizes.reservations;
}
