/** Order, requests and bounds of the receive window. */
import fc from 'fast-check';
import t from 'tap';
import {
  MAX_HELD_PACKETS,
  MAX_MISSING_PACKETS,
  MAX_REQUESTS_PER_PACKET,
  ReceiveWindow,
  type Sequenced,
} from '../../../../sfu/media/core/receive-window.ts';
import { seeded } from './streams.ts';

const packet = (sequence: number, isKeyFrameStart = false, marker = false): Sequenced => ({
  sequence,
  isKeyFrameStart,
  marker,
});

function drain(window: ReceiveWindow<Sequenced>): number[] {
  const out: number[] = [];
  for (let one = window.take(); one !== undefined; one = window.take()) out.push(one.sequence);
  return out;
}

t.test('a gap is asked for after the reordering time, then by round trip, and not for ever', (t) => {
  const window = new ReceiveWindow<Sequenced>({ mayRequest: true });
  t.equal(window.offer(packet(100), 0), 'next');
  t.equal(window.offer(packet(103), 10), 'held');
  const times: number[] = [];
  while (window.deadlineMs !== undefined) {
    const nowMs = window.deadlineMs;
    if (window.giveUp(nowMs) > 0) break;
    const numbers = window.takeRequests(nowMs);
    if (numbers.length > 0) {
      t.same(numbers, [101, 102]);
      times.push(nowMs);
    }
  }
  t.equal(times[0], 18);
  t.equal(times.length, MAX_REQUESTS_PER_PACKET);
  t.same(drain(window), [103]);
  t.equal(window.missingCount, 0);
  t.end();
});

t.test('the round trip is learned from answers', (t) => {
  const window = new ReceiveWindow<Sequenced>({ mayRequest: true });
  window.offer(packet(0), 0);
  for (let round = 1; round < 60; round += 1) {
    const nowMs = round * 1000;
    window.offer(packet(round * 2), nowMs);
    window.takeRequests(nowMs + 8);
    window.offer(packet(round * 2 - 1), nowMs + 8 + 200);
    drain(window);
  }
  t.ok(Math.abs(window.roundTripMs - 200) < 5, String(window.roundTripMs));
  t.equal(window.recovered, 59);
  t.end();
});

t.test('a whole key frame behind the gap ends the waiting', (t) => {
  const window = new ReceiveWindow<Sequenced>({ mayRequest: true });
  window.offer(packet(1), 0);
  window.offer(packet(3), 1);
  window.offer(packet(4, true), 2);
  for (const nowMs of [10, 110, 210]) {
    window.takeRequests(nowMs);
    t.equal(window.giveUp(nowMs + 1), 0);
  }
  window.takeRequests(310);
  t.equal(window.giveUp(311), 0, 'not before the key frame is whole');
  window.offer(packet(5, false, true), 320);
  t.equal(window.giveUp(321), 1);
  t.same(drain(window), [4, 5], 'what the key frame makes useless is skipped');
  t.end();
});

t.test('without NACK a gap holds nothing up for long', (t) => {
  const window = new ReceiveWindow<Sequenced>({ mayRequest: false });
  window.offer(packet(1), 0);
  window.offer(packet(3), 0);
  t.equal(window.deadlineMs, 40);
  t.same(window.takeRequests(20), []);
  t.equal(window.giveUp(40), 1);
  t.same(drain(window), [3]);
  t.equal(window.offer(packet(2), 41), 'late');
  t.end();
});

t.test('far jumps start anew, lists stay bounded', (t) => {
  const window = new ReceiveWindow<Sequenced>({ mayRequest: true });
  window.offer(packet(1), 0);
  t.equal(window.offer(packet(1 + MAX_MISSING_PACKETS + 2), 0), 'restarted');
  const random = seeded(5);
  let sequence = 600;
  let most = 0;
  for (let count = 0; count < 20_000; count += 1) {
    sequence += 1 + (random() < 0.3 ? 1 : 0);
    window.offer(packet(sequence), 0);
    if (window.missingCount > MAX_MISSING_PACKETS) t.fail('too many missing');
    most = Math.max(most, window.heldCount);
  }
  t.ok(most > 500 && most <= MAX_HELD_PACKETS, `${most} held`);
  t.end();
});

t.test('whatever the network does: in order, nothing twice, only lost packets are missing', (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 0.4, noNaN: true }), (seed, loss) => {
      const random = seeded(seed);
      const window = new ReceiveWindow<Sequenced>({ mayRequest: true });
      const out: number[] = [];
      const arriving: { atMs: number; sequence: number }[] = [];
      const lost = new Set<number>();
      for (let sequence = 65_400; sequence < 65_700; sequence += 1) {
        const atMs = (sequence - 65_400) * 3 + random() * 12;
        if (sequence > 65_400 && random() < loss) {
          if (random() < 0.2) lost.add(sequence);
          else arriving.push({ atMs: atMs + 60 + random() * 100, sequence });
        } else arriving.push({ atMs, sequence });
      }
      arriving.sort((a, b) => a.atMs - b.atMs);
      const first = Math.min(...arriving.slice(0, 1).map((one) => one.sequence));
      const wait = (untilMs: number): void => {
        while (window.deadlineMs !== undefined && window.deadlineMs <= untilMs) {
          const nowMs = window.deadlineMs;
          while (window.giveUp(nowMs) > 0) out.push(...drain(window));
          window.takeRequests(nowMs);
        }
      };
      for (const { atMs, sequence } of arriving) {
        wait(atMs);
        if (window.offer(packet(sequence), atMs) === 'next') out.push(sequence, ...drain(window));
      }
      wait(1e9);
      const ascending = out.every((sequence, at) => at === 0 || sequence > (out[at - 1] ?? 0));
      const expected = arriving.filter((one) => one.sequence >= first).length;
      return ascending && out.length === expected && window.heldCount === 0 && window.missingCount === 0;
    }),
    { numRuns: 300 },
  );
  t.end();
});
