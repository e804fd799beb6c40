/**
 * What one transport sent lately, by transport-wide number: feedback refers to it. A ring of plain numbers:
 * sending allocates nothing.
 */
import { extendSequence } from './sequence-number.ts';

/** One second and more of the fastest burst. Feedback for older packets is of no use. */
export const SENT_HISTORY_PACKETS = 4096;

/** What is known of a sent packet. */
export const OUTSTANDING = 0;
export const ARRIVED = 1;
export const MISSING = 2;
/** No feedback will tell of it any more. */
export const UNTOLD = 3;

export class SentHistory {
  readonly #sentMs = new Float64Array(SENT_HISTORY_PACKETS);
  readonly #bytes = new Uint16Array(SENT_HISTORY_PACKETS);
  readonly #state = new Uint8Array(SENT_HISTORY_PACKETS);
  readonly #first: number;
  /** Extended number of the next packet. */
  #next: number;

  constructor(first = 0) {
    // So that a number before the first one is not negative.
    this.#first = 0x1_0000 + first;
    this.#next = this.#first;
  }

  /** The extended number the next packet will have. */
  get next(): number {
    return this.#next;
  }

  /** Notes a packet that leaves now. @returns its 16 bit number. */
  note(bytes: number, nowMs: number): number {
    const number = this.#next;
    const at = number % SENT_HISTORY_PACKETS;
    this.#sentMs[at] = nowMs;
    this.#bytes[at] = bytes;
    this.#state[at] = OUTSTANDING;
    this.#next += 1;
    return number & 0xffff;
  }

  /** The extended form of a number in feedback; -1 when it was never sent or is forgotten. */
  find(number: number): number {
    const extended = extendSequence(number, this.#next - 1);
    return this.has(extended) ? extended : -1;
  }

  has(extended: number): boolean {
    return extended < this.#next && extended >= this.#next - SENT_HISTORY_PACKETS && extended >= this.#first;
  }

  sentMs(extended: number): number {
    return this.#sentMs[extended % SENT_HISTORY_PACKETS] ?? 0;
  }

  bytes(extended: number): number {
    return this.#bytes[extended % SENT_HISTORY_PACKETS] ?? 0;
  }

  state(extended: number): number {
    return this.#state[extended % SENT_HISTORY_PACKETS] ?? 0;
  }

  mark(extended: number, state: number): void {
    this.#state[extended % SENT_HISTORY_PACKETS] = state;
  }
}
