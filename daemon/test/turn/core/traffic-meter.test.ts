/** Rates of relayed payload: what passes, what is dropped and counted, by whose limit. */
import t from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../../contract/turn-config.ts';
import { DropCounter } from '../../../kit/drop-counter.ts';
import type { DropReason } from '../../../turn/core/actions.ts';
import { TrafficMeters, type RateLimits } from '../../../turn/core/traffic-meter.ts';
import { Bench, PEER, settings, user } from './harness.ts';

const ann = { credential: '1:one:ann', subject: 'ann' };
const renewed = { credential: '2:one:ann', subject: 'ann' };
const bob = { credential: '1:one:bob', subject: 'bob' };

function metersWith(limits: Partial<RateLimits>) {
  const time = { nowMs: 1000, reads: 0 };
  const drops = new DropCounter<DropReason>();
  const all = { ...DEFAULT_TURN_LIMITS, ...limits };
  const meters = new TrafficMeters(all, drops, () => {
    time.reads += 1;
    return time.nowMs;
  });
  return { meters, drops, time, all };
}

t.test('without a limit an allocation has no meter', (t) => {
  const { meters } = metersWith({});
  t.equal(meters.open(ann), undefined);
  t.same(meters.uses(), []);
  t.end();
});

t.test('each limit drops by its name and lets its rate through', (t) => {
  for (const [name, other] of [
    ['packetsPerSecondPerUser', ann],
    ['packetsPerSecondPerSubject', renewed],
    ['packetsPerSecond', bob],
    ['packetsPerSecondOfNode', bob],
  ] as const) {
    const { meters, drops, time } = metersWith({ [name]: 20 });
    const [first, second] = [meters.open(ann)!, meters.open(other)!];
    const passed = (count: number) =>
      Array.from({ length: count }, (_, at) => (at % 2 === 0 ? first : second).admits(100)).filter(Boolean);
    t.equal(passed(30).length, 10, `${name}: a burst of half a second`);
    t.match(meters.uses(), [{ name, limit: 20, refused: 20 }]);
    t.equal(drops.get('over-packet-rate'), 20);
    time.nowMs += 100;
    t.equal(passed(30).length, 2, 'then the rate');
    time.nowMs += 60_000;
    t.equal(passed(30).length, 10, 'a pause saves up no more than the burst');
  }
  const { meters, drops } = metersWith({ bytesPerSecondPerUser: 200_000 });
  const meter = meters.open(ann)!;
  t.equal(Array.from({ length: 100 }, () => meter.admits(10_000)).filter(Boolean).length, 10);
  t.equal(drops.get('over-bandwidth'), 90);
  t.equal(meters.open(bob)!.admits(10_000), true, 'another credential has its own');
  t.end();
});

t.test('bytes of a stream wait for as long as they lack, and are not dropped', (t) => {
  const { meters, drops, time } = metersWith({ bytesPerSecondPerUser: 100_000, packetsPerSecondPerUser: 10 });
  const meter = meters.open(ann)!;
  t.equal(meter.delayMs(65_536), 0, 'the burst');
  t.equal(meter.delayMs(10_000), 100, 'nothing is left of it');
  t.equal(drops.get('over-bandwidth'), 0);
  t.equal(meters.uses().find(({ name }) => name === 'bytesPerSecondPerUser')?.refused, 1);
  time.nowMs += 100;
  t.equal(meter.delayMs(10_000), 0);
  t.equal(meter.delayMs(10_000_000) > 0, true);
  time.nowMs += 60_000;
  t.equal(meter.delayMs(10_000_000), 0, 'what is longer than the burst passes as one');
  for (let count = 0; count < 4; count += 1) meter.delayMs(1);
  t.ok(meter.delayMs(1) > 0, 'a chunk is a packet');
  t.end();
});

t.test('a packet is taken of all buckets or of none', (t) => {
  const { meters } = metersWith({ packetsPerSecondPerUser: 20, packetsPerSecond: 10 });
  const [a, b] = [meters.open(ann)!, meters.open(bob)!];
  while (a.admits(1));
  t.equal(b.admits(1), false, 'the namespace is used up');
  t.match(meters.uses(), [
    { name: 'packetsPerSecondPerUser', refused: 0 },
    { name: 'packetsPerSecond', refused: 2 },
  ]);
  t.end();
});

t.test('the clock is read when a bucket is empty only', (t) => {
  const { meters, time } = metersWith({ packetsPerSecondPerUser: 20 });
  const meter = meters.open(ann)!;
  const before = time.reads;
  for (let at = 0; at < 10; at += 1) meter.admits(1);
  t.equal(time.reads, before);
  t.end();
});

t.test('a new allocation brings no new burst; what rested is forgotten', (t) => {
  const { meters, time } = metersWith({ packetsPerSecondPerSubject: 20 });
  const meter = meters.open(ann)!;
  while (meter.admits(1));
  meters.close(ann);
  t.equal(meters.open(renewed)!.admits(1), false);
  meters.close(renewed);
  time.nowMs += 1000;
  t.equal(meters.open(ann)!.admits(1), true);
  t.end();
});

t.test('the core asks it for Send, and a reload gives it to living allocations', (t) => {
  const bench = new Bench();
  const client = bench.client(1, user());
  bench.allocate(client);
  bench.permit(client);
  const passed = () =>
    Array.from({ length: 10 }, () => bench.send(client, PEER).length).filter(Boolean).length;
  t.equal(passed(), 10);
  const limits = { ...settings().limits, packetsPerSecondPerUser: 8 };
  bench.core.configure(settings({ limits }), bench.nowMs);
  t.equal(passed(), 4);
  t.equal(bench.core.drops.get('over-packet-rate'), 6);
  const [allocation] = bench.core.allocations();
  t.equal(allocation?.toPeerPackets, 14, 'what was dropped was not relayed');
  bench.core.configure(settings(), bench.nowMs);
  t.equal(passed(), 10);
  t.end();
});
