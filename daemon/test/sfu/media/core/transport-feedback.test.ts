/** Transport-wide feedback, read back by a decoder written from the draft. */
import fc from 'fast-check';
import t from 'tap';
import { TransportFeedback } from '../../../../sfu/media/core/transport-feedback.ts';
import { seeded } from './streams.ts';

type Decoded = { first: number; count: number; arrivals: Map<number, number>; feedbackCount: number };

/** Numbers that arrived, with their time in ms on the sender's axis. */
function decode(message: Buffer): Decoded {
  const first = message.readUInt16BE(12);
  const count = message.readUInt16BE(14);
  let timeMs = message.readUIntBE(16, 3) * 64;
  const symbols: number[] = [];
  let at = 20;
  while (symbols.length < count) {
    const chunk = message.readUInt16BE(at);
    at += 2;
    if (chunk >> 14 !== 3) throw new Error('only two-bit status vectors are written');
    for (let shift = 12; shift >= 0; shift -= 2) symbols.push((chunk >> shift) & 3);
  }
  const arrivals = new Map<number, number>();
  symbols.slice(0, count).forEach((symbol, index) => {
    if (symbol === 0) return;
    timeMs += (symbol === 1 ? message.readUInt8(at) : message.readInt16BE(at)) / 4;
    at += symbol;
    arrivals.set((first + index) & 0xffff, timeMs);
  });
  return { first, count, arrivals, feedbackCount: message.readUInt8(19) };
}

t.test('loss, reordering and the wrap: every arrival is told, with its time', (t) => {
  const random = seeded(11);
  const feedback = new TransportFeedback();
  const sent = new Map<number, number>();
  const told = new Map<number, number>();
  let covered = 0;
  let messages = 0;
  let nowMs = 1_700_000_000_000;
  const take = (): void => {
    while (feedback.pending) {
      const message = feedback.take(1, 2)!;
      t.equal(message.length % 4, 0);
      t.equal(message.readUInt16BE(2), message.length / 4 - 1);
      const decoded = decode(message);
      t.equal(decoded.feedbackCount, messages & 0xff);
      messages += 1;
      covered += decoded.count;
      for (const [number, ms] of decoded.arrivals) told.set(number, ms);
    }
  };
  for (let number = 64_000; number < 68_000; number += 1) {
    nowMs += random() * 6;
    if (random() < 0.1) continue;
    const late = random() < 0.05 ? 2 : 0;
    const wire = (number - late) & 0xffff;
    if (!sent.has(wire)) sent.set(wire, nowMs);
    feedback.add(wire, nowMs);
    if (number % 17 === 0) take();
  }
  take();
  t.equal(told.size, sent.size);
  const offsets = [...sent].map(([number, ms]) => ms - told.get(number)!);
  t.ok(Math.max(...offsets) - Math.min(...offsets) <= 0.5, 'quarter milliseconds, without drift');
  t.ok(covered >= 3990, 'losses are covered too');
  t.end();
});

t.test('a silence of minutes and a jump of numbers', (t) => {
  const feedback = new TransportFeedback();
  feedback.add(1, 1000);
  t.equal(decode(feedback.take(1, 2)!).count, 1);
  feedback.add(2, 1001);
  feedback.add(3, 121_001);
  const first = decode(feedback.take(1, 2)!);
  t.equal(first.arrivals.size, 1, 'a delta of two minutes fits no message');
  t.ok(feedback.pending);
  t.equal(decode(feedback.take(1, 2)!).arrivals.size, 1);
  feedback.add(20_000, 121_002);
  const jump = decode(feedback.take(1, 2)!);
  t.ok(jump.count <= 1024, 'bounded');
  t.equal(jump.arrivals.size, 1);
  t.equal(feedback.take(1, 2), undefined);
  t.end();
});

t.test('any numbers at any time give well-formed messages', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(0xffff), fc.nat(100_000)), { maxLength: 40 }), (steps) => {
      const feedback = new TransportFeedback();
      let nowMs = 0;
      for (const [number, ms] of steps) {
        nowMs += ms;
        feedback.add(number, nowMs);
        if (ms % 3 === 0) decode(feedback.take(1, 2) ?? Buffer.alloc(24));
      }
      for (let turn = 0; feedback.pending && turn < 100; turn += 1) decode(feedback.take(1, 2)!);
      return !feedback.pending;
    }),
    { numRuns: 3000 },
  );
  t.end();
});
