/**
 * When a camera may be dialled again. Outlives the demand: viewers who come and go do not hammer a camera that does
 * not answer. Pure; times are of the caller's clock.
 */
import { backoffMs } from '../../kit/backoff.ts';

/** A flow of this length proves the camera good: the next failure starts the backoff anew. */
export const PROVEN_FLOW_MS = 10_000;
/** The least distance of two dials when a new tunnel cuts the backoff short: a flapping camera is no storm. */
export const REDIAL_DISTANCE_MS = 500;
/** Waits of 0.5 to 1 s after the first failure, 5 to 10 s from the fifth on. */
export const REDIAL_BACKOFF = { firstMs: 1000, maxMs: 10_000 };

export class RedialSchedule {
  readonly #random: () => number;
  #failures = 0;
  #lastDialMs = -Infinity;
  #notBeforeMs = -Infinity;

  /** @param random a number in [0, 1) for the jitter. */
  constructor(random: () => number) {
    this.#random = random;
  }

  dialled(nowMs: number): void {
    this.#lastDialMs = nowMs;
  }

  /** It ended after it had flowed for this long. */
  flowed(durationMs: number): void {
    if (durationMs >= PROVEN_FLOW_MS) this.#failures = 0;
  }

  /** For somebody who wants the picture now. @returns when to dial. A failure long ago counts no more. */
  wantedMs(nowMs: number): number {
    if (nowMs - this.#notBeforeMs > PROVEN_FLOW_MS) this.#failures = 0;
    return Math.max(nowMs, this.#notBeforeMs);
  }

  /** @returns when to dial: after the backoff, and not before the camera said. */
  failedMs(nowMs: number, retryAfterMs: number | null): number {
    this.#failures += 1;
    const waitMs = Math.max(backoffMs(this.#failures, REDIAL_BACKOFF, this.#random()), retryAfterMs ?? 0);
    this.#notBeforeMs = nowMs + waitMs;
    return this.#notBeforeMs;
  }

  /** It was no failure of the camera. @returns when to dial. */
  againMs(nowMs: number): number {
    this.#notBeforeMs = this.#soonestMs(nowMs);
    return this.#notBeforeMs;
  }

  /** What kept it from working may be over. @returns when to dial at the soonest. */
  hurryMs(nowMs: number): number {
    const soonestMs = this.#soonestMs(nowMs);
    this.#notBeforeMs = Math.min(this.#notBeforeMs, soonestMs);
    return soonestMs;
  }

  #soonestMs(nowMs: number): number {
    return Math.max(nowMs, this.#lastDialMs + REDIAL_DISTANCE_MS);
  }
}
