/**
 * The live timeline of one source: which RTP timestamp "now" is. Frames arrive with jitter, so the line
 * follows the fastest of the last seconds. A source whose timestamps jump gets a new clock; whoever holds
 * the old one can still extend its line.
 */
import { extendTimestamp } from './sequence-number.ts';

/** A step of more than this against the wall clock is a new timeline, not jitter. */
const MAX_DEVIATION_MS = 2000;
const BUCKET_MS = 2000;

export class SourceClock {
  readonly #unitsPerMs: number;
  /** Smallest (arrival in units - timestamp) of the current and of the previous bucket. */
  #smallest: number;
  #previousSmallest: number;
  #bucketStartMs: number;

  /** @param timestamp the first timestamp seen; it starts the extended count. */
  constructor(clockRate: number, timestamp: number, arrivalMs: number) {
    this.#unitsPerMs = clockRate / 1000;
    this.#smallest = arrivalMs * this.#unitsPerMs - timestamp;
    this.#previousSmallest = this.#smallest;
    this.#bucketStartMs = arrivalMs;
  }

  /** Extended timestamp of the line at `nowMs`; not a whole number. */
  at(nowMs: number): number {
    return nowMs * this.#unitsPerMs - Math.min(this.#smallest, this.#previousSmallest);
  }

  /** Extends a 32 bit timestamp that arrived at `arrivalMs`. @returns undefined when it is off the line. */
  extend(timestamp: number, arrivalMs: number): number | undefined {
    const expected = Math.round(this.at(arrivalMs));
    const extended = extendTimestamp(timestamp, expected);
    return Math.abs(extended - expected) > MAX_DEVIATION_MS * this.#unitsPerMs ? undefined : extended;
  }

  /** Moves the line with the first packet of a frame. */
  observe(extended: number, arrivalMs: number): void {
    const distance = arrivalMs * this.#unitsPerMs - extended;
    if (arrivalMs - this.#bucketStartMs >= BUCKET_MS) {
      this.#previousSmallest = this.#smallest;
      this.#smallest = distance;
      this.#bucketStartMs = arrivalMs;
    } else if (distance < this.#smallest) {
      this.#smallest = distance;
    }
  }
}
