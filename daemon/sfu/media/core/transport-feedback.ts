/**
 * Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): one
 * recorder per peer, because the numbers count packets of the whole transport. Feedback leaves every
 * 50 ms while packets come; without it Chromium publishes at a crawl.
 */
import { extendSequence } from './sequence-number.ts';

export const TRANSPORT_FEEDBACK_INTERVAL_MS = 50;
/** Numbers one message may cover; more are cut off from the front (they were lost long ago). */
const MAX_NUMBERS_PER_FEEDBACK = 1024;
const RING = 4096;
const DELTAS_PER_MS = 4;
const REFERENCE_MS = 64;

export class TransportFeedback {
  /** Arrival per number; NaN = not arrived. The number itself is kept to tell old entries from new. */
  readonly #arrivals = new Float64Array(RING);
  readonly #numbers = new Float64Array(RING).fill(-1);
  /** First number the next feedback speaks of; -1 = nothing came yet. */
  #start = -1;
  #highest = -1;
  #pending = false;
  #count = 0;
  #originMs: number | undefined;

  /** True when a packet waits to be reported. */
  get pending(): boolean {
    return this.#pending;
  }

  /** Notes the arrival of the packet with this 16 bit number. */
  add(number: number, nowMs: number): void {
    // Arrival times are relative to the first one: the 24 bit reference time only has to wrap evenly.
    this.#originMs ??= nowMs - REFERENCE_MS;
    const at = this.#highest === -1 ? number : extendSequence(number, this.#highest);
    if (at < 0 || at <= this.#highest - MAX_NUMBERS_PER_FEEDBACK) return;
    const slot = at % RING;
    if (this.#numbers[slot] === at) return;
    this.#numbers[slot] = at;
    this.#arrivals[slot] = nowMs - this.#originMs;
    if (this.#start === -1 || at < this.#start) this.#start = at;
    if (at > this.#highest) this.#highest = at;
    if (this.#highest - this.#start >= MAX_NUMBERS_PER_FEEDBACK) {
      this.#start = this.#highest - MAX_NUMBERS_PER_FEEDBACK + 1;
    }
    this.#pending = true;
  }

  /** Builds the feedback for everything since the last one. @returns undefined when nothing came. */
  take(senderSsrc: number, mediaSsrc: number): Buffer | undefined {
    if (!this.#pending) return undefined;
    this.#pending = false;
    // Losses in front are told too: the message begins where the last one ended.
    const first = this.#start;
    let arrived = first;
    while (arrived < this.#highest && this.#numbers[arrived % RING] !== arrived) arrived += 1;
    const firstArrival = this.#arrivals[arrived % RING] ?? 0;
    const reference = Math.floor(firstArrival / REFERENCE_MS);
    const symbols: number[] = [];
    const deltas: number[] = [];
    let clock = reference * REFERENCE_MS * DELTAS_PER_MS;
    let last = first;
    for (let number = first; number <= this.#highest; number += 1) {
      const slot = number % RING;
      if (this.#numbers[slot] !== number) {
        symbols.push(0);
        continue;
      }
      const delta = Math.round((this.#arrivals[slot] ?? 0) * DELTAS_PER_MS) - clock;
      // A delta that fits no 16 bits starts the next message.
      if (delta < -0x8000 || delta > 0x7fff) break;
      clock += delta;
      symbols.push(delta >= 0 && delta <= 0xff ? 1 : 2);
      deltas.push(delta);
      last = number;
    }
    // Losses at the end of a cut message belong to the next one.
    symbols.length = last - first + 1;
    this.#start = last + 1;
    if (this.#start <= this.#highest) this.#pending = true;
    const message = write(senderSsrc, mediaSsrc, first, reference, this.#count, symbols, deltas);
    this.#count = (this.#count + 1) & 0xff;
    return message;
  }
}

function write(
  senderSsrc: number,
  mediaSsrc: number,
  first: number,
  reference: number,
  count: number,
  symbols: readonly number[],
  deltas: readonly number[],
): Buffer {
  const chunks = Math.ceil(symbols.length / 7);
  const deltaBytes = deltas.reduce((sum, delta) => sum + (delta >= 0 && delta <= 0xff ? 1 : 2), 0);
  const used = 20 + chunks * 2 + deltaBytes;
  const padding = (4 - (used % 4)) % 4;
  const out = Buffer.alloc(used + padding);
  out.writeUInt8(0x80 | (padding > 0 ? 0x20 : 0) | 15, 0);
  out.writeUInt8(205, 1);
  out.writeUInt16BE(out.length / 4 - 1, 2);
  out.writeUInt32BE(senderSsrc, 4);
  out.writeUInt32BE(mediaSsrc, 8);
  out.writeUInt16BE(first & 0xffff, 12);
  out.writeUInt16BE(symbols.length, 14);
  out.writeUIntBE(reference & 0xff_ffff, 16, 3);
  out.writeUInt8(count, 19);
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    // Status vector with two bits per packet, seven packets (section 3.1.4).
    let word = 0xc000;
    for (let index = 0; index < 7; index += 1) {
      word |= (symbols[chunk * 7 + index] ?? 0) << (12 - index * 2);
    }
    out.writeUInt16BE(word, 20 + chunk * 2);
  }
  let at = 20 + chunks * 2;
  for (const delta of deltas) {
    if (delta >= 0 && delta <= 0xff) {
      out.writeUInt8(delta, at);
      at += 1;
    } else {
      out.writeInt16BE(delta, at);
      at += 2;
    }
  }
  if (padding > 0) out.writeUInt8(padding, out.length - 1);
  return out;
}
