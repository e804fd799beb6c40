/**
 * Reads transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1): which of
 * the numbers we sent arrived, and when on the receiver's clock. Pure; one report object serves all.
 */

/** More numbers than one message of any sender covers; a longer one is cut off at its end. */
export const MAX_REPORTED_NUMBERS = 4096;
const HEADER_BYTES = 20;
const REFERENCE_MS = 64;
const DELTAS_PER_MS = 4;

/** What one message says. `arrivalsMs[i]` is for number `first + i`: NaN when it did not arrive. */
export type FeedbackReport = {
  /** 16 bits. */
  first: number;
  count: number;
  /** Milliseconds on a line that wraps with the 24 bit reference time. */
  readonly arrivalsMs: Float64Array;
};

/** The line of `arrivalsMs` begins anew after this many milliseconds. */
export const ARRIVAL_WRAP_MS = 2 ** 24 * REFERENCE_MS;

export function emptyFeedbackReport(): FeedbackReport {
  return { first: 0, count: 0, arrivalsMs: new Float64Array(MAX_REPORTED_NUMBERS) };
}

/**
 * @param packet one RTCP packet of type 205, format 15, without padding.
 * @returns false when it is shorter than it says; `into` is not to be used then.
 */
export function readTransportFeedback(packet: Buffer, into: FeedbackReport): boolean {
  if (packet.length < HEADER_BYTES) return false;
  const { arrivalsMs } = into;
  const count = Math.min(packet.readUInt16BE(14), MAX_REPORTED_NUMBERS);
  into.first = packet.readUInt16BE(12);
  into.count = count;
  const deltasAt = readSymbols(packet, count, arrivalsMs);
  if (deltasAt === -1) return false;
  let clock = packet.readUIntBE(16, 3) * REFERENCE_MS * DELTAS_PER_MS;
  let at = deltasAt;
  for (let index = 0; index < count; index += 1) {
    const symbol = arrivalsMs[index];
    if (symbol === 1) {
      if (at + 1 > packet.length) return false;
      clock += packet.readUInt8(at);
      at += 1;
    } else if (symbol === 2) {
      if (at + 2 > packet.length) return false;
      clock += packet.readInt16BE(at);
      at += 2;
    } else {
      arrivalsMs[index] = NaN;
      continue;
    }
    arrivalsMs[index] = clock / DELTAS_PER_MS;
  }
  return true;
}

/** Writes each packet's status symbol into `symbols`. @returns where the deltas begin, or -1. */
function readSymbols(packet: Buffer, count: number, symbols: Float64Array): number {
  const total = packet.readUInt16BE(14);
  let at = HEADER_BYTES;
  let index = 0;
  while (index < total) {
    if (at + 2 > packet.length) return -1;
    const chunk = packet.readUInt16BE(at);
    at += 2;
    if ((chunk & 0x8000) === 0) {
      // Run length (section 3.1.3).
      const end = Math.min(total, index + (chunk & 0x1fff));
      if (end === index) return -1;
      const symbol = (chunk >>> 13) & 3;
      for (let one = index; one < end && one < count; one += 1) symbols[one] = symbol;
      index = end;
    } else {
      // Status vector (section 3.1.4): fourteen symbols of one bit or seven of two.
      const isTwoBits = (chunk & 0x4000) !== 0;
      const inChunk = isTwoBits ? 7 : 14;
      for (let one = 0; one < inChunk && index < total; one += 1, index += 1) {
        const symbol = isTwoBits ? (chunk >>> (12 - one * 2)) & 3 : (chunk >>> (13 - one)) & 1;
        if (index < count) symbols[index] = symbol;
      }
    }
  }
  return at;
}
