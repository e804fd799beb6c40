/** What the path to a viewer carries: feedback read back, narrow and lossy paths, the fallbacks. */
import fc from 'fast-check';
import t from 'tap';
import { BandwidthEstimator } from '../../../../sfu/media/core/bandwidth-estimator.ts';
import { parseRtcp } from '../../../../sfu/media/core/rtcp-packet.ts';
import { SENT_HISTORY_PACKETS, SentHistory } from '../../../../sfu/media/core/sent-history.ts';
import { TransportFeedback } from '../../../../sfu/media/core/transport-feedback.ts';
import {
  emptyFeedbackReport,
  readTransportFeedback,
} from '../../../../sfu/media/core/transport-feedback-reader.ts';
import { FUZZ_RUNS, hex, seeded } from './streams.ts';
import { Publisher, Viewer, World, type Path } from './loopback.ts';

const report = emptyFeedbackReport();
const arrivals = (count: number): (number | '-')[] =>
  [...report.arrivalsMs.subarray(0, count)].map((one) => (Number.isNaN(one) ? '-' : one));

t.test('the three forms of packet status chunks', (t) => {
  // Reference time 2 (128 ms); a run of three, a vector of one bit, a vector of two bits; one delta of -2 ms.
  const packet = hex(
    '8fcd0008 00000001 00000002 fff0 0018 000002 07 2003 a000 d900 04080c 10 14 fff8 04 0000',
  );
  t.equal(packet.length, 36);
  t.equal(readTransportFeedback(packet, report), true);
  t.equal(report.first, 0xfff0);
  t.equal(report.count, 24);
  const nothing = (count: number): '-'[] => Array.from({ length: count }, () => '-');
  t.same(arrivals(24), [129, 131, 134, 138, ...nothing(13), 143, 141, 142, ...nothing(4)]);
  t.equal(readTransportFeedback(packet.subarray(0, 30), report), false, 'deltas are missing');
  t.equal(readTransportFeedback(packet.subarray(0, 22), report), false, 'chunks are missing');
  t.equal(readTransportFeedback(packet.subarray(0, 12), report), false);
  const endless = hex('8fcd0005 00000001 00000002 fff0 ffff 000002 07 2000 0000');
  t.equal(readTransportFeedback(endless, report), false, 'a run of length 0 ends nothing');
  const [parsed] = parseRtcp(packet) ?? [];
  t.equal(parsed?.type, 'transport-feedback');
  t.end();
});

t.test('what our own recorder writes is read back', (t) => {
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 900 })), {
        minLength: 1,
        maxLength: 60,
      }),
      (first, steps) => {
        const feedback = new TransportFeedback();
        const sent: { number: number; ms: number }[] = [];
        let number = first;
        let nowMs = 5000;
        for (const [step, ms] of steps) {
          sent.push({ number, ms: nowMs });
          feedback.add(number & 0xffff, nowMs);
          number += step;
          nowMs += ms / 4;
        }
        const told: number[] = [];
        while (feedback.pending) {
          if (!readTransportFeedback(feedback.take(1, 2)!, report)) return false;
          for (let at = 0; at < report.count; at += 1) {
            if (Number.isNaN(report.arrivalsMs[at]!)) continue;
            const one = sent[told.length]!;
            if (((report.first + at) & 0xffff) !== (one.number & 0xffff)) return false;
            told.push(report.arrivalsMs[at]! - one.ms);
          }
        }
        return told.length === sent.length && Math.max(...told) - Math.min(...told) < 0.5;
      },
    ),
    { numRuns: 2000 },
  );
  t.end();
});

t.test('random feedback is refused or read within its bounds', (t) => {
  const random = seeded(5);
  for (let run = 0; run < FUZZ_RUNS / 4; run += 1) {
    const packet = Buffer.alloc(20 + Math.floor(random() * 60));
    for (let at = 0; at < packet.length; at += 1) packet.writeUInt8(Math.floor(random() * 256), at);
    packet.writeUInt16BE(Math.floor(random() * (run % 2 === 0 ? 100 : 65_536)), 14);
    if (readTransportFeedback(packet, report) && report.count > report.arrivalsMs.length) t.fail('bounds');
  }
  t.end();
});

t.test('the history of a million packets', (t) => {
  const history = new SentHistory(65_000);
  const random = seeded(3);
  for (let at = 0; at < 1_000_000; at += 1) {
    const extended = history.next;
    const number = history.note((at % 1400) + 1, at);
    if (number !== extended % 65_536) t.fail('16 bits of it');
    const back = Math.floor(random() * 6000);
    const asked = (number - back) & 0xffff;
    const found = history.find(asked);
    const isKnown = back < SENT_HISTORY_PACKETS && back <= at;
    if (isKnown !== (found !== -1)) t.fail(`packet ${back} back`);
    if (isKnown && (history.sentMs(found) !== at - back || history.bytes(found) !== ((at - back) % 1400) + 1))
      t.fail('another packet');
  }
  t.end();
});

/** A viewer behind a path; the estimate every 100 ms. */
function watch(down: Path, seconds: number, options: { seed?: number; packetsPerFrame?: number } = {}) {
  const world = new World(options.seed ?? 7);
  const publisher = new Publisher(world, {
    keyFrameEveryFrames: 60,
    stream: { packetsPerFrame: options.packetsPerFrame ?? 8 },
  });
  publisher.start();
  const viewer = new Viewer(world, { down, up: { delayMs: 25, loss: 0 }, feedback: true });
  viewer.fractionLost = 0;
  viewer.downlink.setSource(publisher.source, world.nowMs);
  const estimates: number[] = [];
  for (let step = 0; step < seconds * 10; step += 1) {
    world.run(100);
    const { bitsPerSecond } = viewer.peer.path(world.nowMs);
    if (bitsPerSecond !== null) estimates.push(bitsPerSecond);
  }
  return { world, viewer, publisher, estimates, last: estimates.at(-1) ?? 0 };
}

t.test('a wide path: what was sent proves itself, and little more is assumed', (t) => {
  const { last, viewer, world } = watch({ delayMs: 25, loss: 0 }, 20);
  t.ok(last > 2_400_000, `${last} bit/s for a stream of 2.4 Mbit/s`);
  t.match(viewer.peer.path(world.nowMs), { basis: 'feedback', isCongested: false });
  t.end();
});

for (const bitsPerSecond of [500_000, 1_000_000, 1_800_000]) {
  t.test(`a path of ${bitsPerSecond / 1000} kbit/s under a stream of 2.4 Mbit/s`, (t) => {
    const { estimates } = watch({ delayMs: 25, loss: 0, bitsPerSecond }, 20);
    const settled = estimates.slice(50).sort((a, b) => a - b);
    const median = settled[settled.length >> 1]!;
    t.ok(median < bitsPerSecond * 1.05, `median ${median}`);
    t.ok(median > bitsPerSecond * 0.4, `median ${median}`);
    t.ok(settled.at(-1)! < bitsPerSecond * 1.3, `at most ${settled.at(-1)}`);
    t.end();
  });
}

t.test('a path that just fits is not called congested', (t) => {
  const { estimates, viewer, world } = watch({ delayMs: 25, loss: 0, bitsPerSecond: 6_000_000 }, 20);
  t.ok(Math.min(...estimates.slice(50)) > 2_000_000, `${Math.min(...estimates.slice(50))}`);
  t.equal(viewer.peer.path(world.nowMs).isCongested, false);
  t.end();
});

t.test('five per cent of loss without a queue cost nothing; thirty do', (t) => {
  const few = watch({ delayMs: 25, loss: 0.05 }, 15);
  t.ok(few.last > 2_000_000, `${few.last} at 5 %`);
  const many = watch({ delayMs: 25, loss: 0.3 }, 15);
  t.equal(many.viewer.peer.path(many.world.nowMs).isCongested, true);
  t.end();
});

t.test('a path that narrows and widens again', (t) => {
  const path: Path = { delayMs: 25, loss: 0 };
  const { viewer, world } = watch(path, 5);
  const estimate = (): number => viewer.peer.path(world.nowMs).bitsPerSecond!;
  t.ok(estimate() > 2_000_000);
  path.bitsPerSecond = 800_000;
  world.run(4000);
  t.ok(estimate() < 900_000, `${estimate()} when narrow`);
  delete path.bitsPerSecond;
  world.run(6000);
  t.ok(estimate() > 2_000_000, `${estimate()} when wide again`);
  t.end();
});

t.test('without feedback: REMB, else the loss of the reports', (t) => {
  const world = new World(9);
  const publisher = new Publisher(world);
  publisher.start();
  const viewer = new Viewer(world);
  viewer.fractionLost = 0;
  viewer.downlink.setSource(publisher.source, world.nowMs);
  t.match(viewer.peer.path(world.nowMs), { bitsPerSecond: null, basis: null, isCongested: false });
  world.run(5000);
  const first = viewer.peer.path(world.nowMs);
  t.equal(first.basis, 'reports');
  t.ok(first.bitsPerSecond! > 1_500_000, `${first.bitsPerSecond}`);
  viewer.fractionLost = 0.4;
  world.run(5000);
  const lossy = viewer.peer.path(world.nowMs);
  t.ok(lossy.bitsPerSecond! < first.bitsPerSecond! / 2, `${lossy.bitsPerSecond}`);
  t.equal(lossy.isCongested, true);
  // 1,000,000 = 250,000 << 2
  const remb = hex('8fce0005 00000001 00000000 52454d42 010bd090 00000000');
  viewer.sendRtcp(remb);
  world.run(100);
  t.match(viewer.peer.path(world.nowMs), { bitsPerSecond: 1_000_000, basis: 'remb' });
  t.end();
});

t.test('any course of events keeps the estimate within its bounds', (t) => {
  const step = fc.tuple(fc.nat(6), fc.nat(400), fc.nat(1400));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const estimator = new BandwidthEstimator();
      let nowMs = 1_700_000_000_000;
      let arrivalMs = 64;
      for (const [kind, ms, bytes] of steps) {
        nowMs += kind < 4 ? ms / 50 : ms;
        arrivalMs += ms / 40;
        if (kind < 3) estimator.onArrived(bytes, nowMs, arrivalMs);
        else if (kind === 3) estimator.onMissing();
        else if (kind === 4) estimator.onReportedLoss(bytes / 1400, nowMs);
        else estimator.onFeedback(nowMs);
        estimator.onSent(bytes, nowMs);
        const rate = estimator.bandwidth(nowMs)?.bitsPerSecond;
        if (rate !== undefined && !(rate >= 30_000 && rate <= 100_000_000)) return false;
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.end();
});
