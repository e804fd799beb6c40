/** The small words of kit: backoff, buckets, counters, cleanup, secrets, JSON lines, lifecycle. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { backoffMs } from '../../kit/backoff.ts';
import { CleanupStack } from '../../kit/cleanup-stack.ts';
import { DropCounter } from '../../kit/drop-counter.ts';
import { isErrno, messageOf } from '../../kit/errors.ts';
import { JsonLineReader } from '../../kit/json-lines.ts';
import { Lifecycle } from '../../kit/lifecycle.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import { equalInConstantTime, randomToken, Secret } from '../../kit/secret.ts';

t.test('backoff grows, is capped and never leaves its upper half', (t) => {
  const options = { firstMs: 100, maxMs: 1000 };
  t.equal(backoffMs(1, options, 0), 50);
  t.equal(backoffMs(1, options, 1), 100);
  t.equal(backoffMs(3, options, 1), 400);
  t.equal(backoffMs(50, options, 1), 1000);
  t.equal(backoffMs(50, options, 0), 500);
  t.end();
});

t.test('a bucket empties, says how long to wait, and refills', (t) => {
  const limiter = new RateLimiter({ perSecond: 2, burst: 3 }, { maxKeys: 10 });
  for (let at = 0; at < 3; at += 1) t.equal(limiter.take('a', 1000), 0);
  t.equal(limiter.take('a', 1000), 500);
  t.equal(limiter.take('b', 1000), 0, 'keys do not share');
  t.equal(limiter.take('a', 1500), 0);
  t.equal(limiter.take('a', 1500), 500);
  t.equal(limiter.take('a', 1400), 500, 'a clock that goes back takes nothing away');
  t.end();
});

t.test('the bucket table is bounded', (t) => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, { maxKeys: 100 });
  for (let key = 0; key < 1000; key += 1) limiter.take(String(key), 0);
  t.equal(limiter.size, 100);
  t.ok(limiter.take('999', 0) > 0, 'the newest keys are remembered');
  t.equal(limiter.forgotten, 900);
  limiter.configure({ perSecond: 1, burst: 2 }, { maxKeys: 10 });
  t.equal(limiter.size, 10, 'a lower bound counts at once');
  t.ok(limiter.take('999', 0) > 0, 'a bucket keeps what it holds');
  t.end();
});

t.test('drops are counted by reason', (t) => {
  const drops = new DropCounter<'short' | 'late'>();
  drops.add('short');
  drops.add('short', 2);
  t.equal(drops.get('short'), 3);
  t.equal(drops.get('late'), 0);
  t.same(drops.totals(), { short: 3 });
  t.end();
});

t.test('cleanup runs last first, survives failures, runs once', async (t) => {
  const stack = new CleanupStack();
  const order: string[] = [];
  stack.push('one', () => void order.push('one'));
  stack.push('two', () => {
    throw new Error('no');
  });
  stack.push('three', async () => {
    await Promise.resolve();
    order.push('three');
  });
  const failures = await stack.run();
  t.same(order, ['three', 'one']);
  t.equal(failures.length, 1);
  t.equal(failures[0]?.label, 'two');
  t.same(await stack.run(), []);
});

t.test('a secret does not print itself', (t) => {
  const secret = new Secret('hunter2');
  const shown = [
    JSON.stringify({ secret }),
    String(secret),
    `${secret}`,
    inspect(secret),
    inspect({ deep: { secret } }),
  ];
  for (const text of shown) t.notMatch(text, /hunter2/);
  t.equal(secret.reveal(), 'hunter2');
  t.ok(equalInConstantTime('abc', 'abc'));
  t.notOk(equalInConstantTime('abc', 'abcd'));
  t.not(randomToken(32), randomToken(32));
  t.end();
});

t.test('JSON lines arrive whole, whatever the chunks', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 9 })),
      (values, cuts) => {
        const wire = Buffer.from(values.map((value) => JSON.stringify(value) + '\n').join(''));
        const reader = new JsonLineReader({ maxBytes: 100_000 });
        const seen: string[] = [];
        for (let at = 0, turn = 0; at < wire.length; turn += 1) {
          const size = cuts[turn % Math.max(1, cuts.length)] ?? 5;
          for (const line of reader.push(wire.subarray(at, at + size)))
            seen.push(line.ok ? JSON.stringify(line.value) : 'bad');
          at += size;
        }
        return JSON.stringify(seen) === JSON.stringify(values.map((value) => JSON.stringify(value)));
      },
    ),
  );
  t.pass('no difference found');
  t.end();
});

t.test('a JSON line over the cap or no JSON is an error', (t) => {
  const reader = new JsonLineReader({ maxBytes: 10 });
  t.match(reader.push(Buffer.from('12345678901')), [{ ok: false }]);
  t.match(new JsonLineReader({ maxBytes: 10 }).push(Buffer.from('{x}\n1\n')), [{ ok: false }]);
  t.same(new JsonLineReader({ maxBytes: 10 }).push(Buffer.from('\n\n1\n')), [{ ok: true, value: 1 }]);
  t.end();
});

class Probe extends Lifecycle {
  readonly calls: string[] = [];
  fail = false;
  gate: Promise<void> = Promise.resolve();

  protected override async onStart(): Promise<void> {
    this.calls.push('start');
    await this.gate;
    if (this.fail) throw new Error('no port');
    this.calls.push(this.stopSignal.aborted ? 'aborted' : 'started');
  }

  protected override onStop(): Promise<void> {
    this.calls.push('stop');
    return Promise.resolve();
  }
}

t.test('start and stop are idempotent', async (t) => {
  const probe = new Probe();
  await Promise.all([probe.start(), probe.start()]);
  t.equal(probe.state, 'running');
  await Promise.all([probe.stop(), probe.stop()]);
  t.equal(probe.state, 'stopped');
  t.same(probe.calls, ['start', 'started', 'stop']);
});

t.test('a stop during a start waits for it and then stops', async (t) => {
  const probe = new Probe();
  let open = (): void => undefined;
  probe.gate = new Promise((resolve) => (open = resolve));
  const starting = probe.start();
  const stopping = probe.stop();
  open();
  await starting;
  await stopping;
  t.same(probe.calls, ['start', 'aborted', 'stop']);
});

t.test('a failed start needs no stop; a stop before a start forbids it', async (t) => {
  const failed = new Probe();
  failed.fail = true;
  await t.rejects(failed.start(), /no port/);
  await failed.stop();
  t.same(failed.calls, ['start']);
  const stopped = new Probe();
  await stopped.stop();
  await t.rejects(stopped.start(), /state is stopped/);
});

t.test('error words', (t) => {
  t.ok(isErrno(Object.assign(new Error('x'), { code: 'EADDRINUSE' }), 'EADDRINUSE'));
  t.notOk(isErrno('EADDRINUSE', 'EADDRINUSE'));
  t.equal(messageOf(new Error('x')), 'x');
  t.equal(messageOf(7), '7');
  t.end();
});
