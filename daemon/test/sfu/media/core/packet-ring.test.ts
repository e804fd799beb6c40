/** The ring of sent packets against a plain map, over gaps, overtaking, ageing, growth and sending again. */
import t from 'tap';
import fc from 'fast-check';
import {
  MAX_RING_BYTES,
  MAX_RING_PACKETS,
  PacketRing,
  RING_MS,
} from '../../../../sfu/media/core/packet-ring.ts';

type Sent = {
  payload: Buffer;
  element: Buffer | undefined;
  marker: boolean;
  timestamp: number;
  sentMs: number;
  resends: number;
};

t.test('what was sent in the last second is there as it was sent, and as often sent again', (t) => {
  const step = fc.record({
    gap: fc.integer({ min: -3, max: 5 }),
    bytes: fc.integer({ min: 0, max: 1400 }),
    marker: fc.boolean(),
    afterMs: fc.integer({ min: 0, max: 4 }),
    again: fc.option(fc.integer({ min: 1, max: 200 })),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(0, 0x7fff, 2 ** 31 - 500, 2 ** 32 - 300, 2 ** 40),
      fc.array(step, { maxLength: 900, size: 'max' }),
      (first, steps) => {
        const ring = new PacketRing();
        const sent = new Map<number, Sent>();
        let [next, nowMs] = [first, 1_764_000_000_000.25];
        for (const { gap, bytes, marker, afterMs, again } of steps) {
          nowMs += afterMs;
          const index = Math.max(next + gap, first);
          const payload = Buffer.alloc(bytes);
          const timestamp = (index * 3000) >>> 0;
          const element = bytes % 3 === 0 ? Buffer.from([index & 0xff]) : undefined;
          ring.add(index, payload, element, marker, timestamp, nowMs);
          // One that was overtaken by all that are there may be too late for the ring.
          const isTaken = index >= next || ring.payload(index) !== undefined;
          if (isTaken && !sent.has(index))
            sent.set(index, { payload, element, marker, timestamp, sentMs: nowMs, resends: 0 });
          next = Math.max(next, index + 1);
          const old = again === null ? undefined : sent.get(next - again);
          if (old !== undefined && ring.payload(next - again!) !== undefined) {
            ring.noteResend(next - again!, nowMs);
            old.sentMs = nowMs;
            old.resends += 1;
          }
        }
        for (const [index, one] of sent) {
          const payload = ring.payload(index);
          if (payload === undefined) {
            // Forgotten with its neighbours only when it is old.
            if (nowMs - one.sentMs < RING_MS / 3 && next - index < MAX_RING_PACKETS) return false;
            continue;
          }
          if (ring.element(index) !== one.element) return false;
          if (payload !== one.payload || ring.marker(index) !== one.marker) return false;
          if (ring.timestamp(index) !== one.timestamp || ring.sentMs(index) !== one.sentMs) return false;
          if (ring.resends(index) !== Math.min(one.resends, 127)) return false;
        }
        return ring.payload(next) === undefined && ring.bytes <= MAX_RING_BYTES + 1400;
      },
    ),
  );
  t.end();
});
