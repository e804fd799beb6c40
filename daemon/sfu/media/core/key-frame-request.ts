/**
 * When to ask a sender for a key frame: requests of all viewers become at most one per 500 ms, repeated
 * until a key frame came; a sender that never obeys is asked less and less often. Viewers whom the cache
 * serves only get the picture sooner by a key frame: for all of them there is one request in four seconds.
 */

export const KEY_FRAME_REQUEST_INTERVAL_MS = 500;
const MAX_INTERVAL_MS = 4000;
export const WELCOME_INTERVAL_MS = 4000;

export class KeyFrameRequest {
  #isWanted = false;
  #lastSentMs = -Infinity;
  #unanswered = 0;

  /** When the next request is due; undefined when none is wanted. */
  get deadlineMs(): number | undefined {
    return this.#isWanted ? this.#lastSentMs + this.#intervalMs : undefined;
  }

  want(): void {
    this.#isWanted = true;
  }

  onKeyFrame(): void {
    this.#isWanted = false;
    this.#unanswered = 0;
  }

  /** @returns true when a request must leave now; it counts as sent. */
  take(nowMs: number): boolean {
    if (!this.#isWanted || nowMs < this.#lastSentMs + this.#intervalMs) return false;
    this.#lastSentMs = nowMs;
    this.#unanswered += 1;
    return true;
  }

  /** As `take`, for a key frame that nobody depends on: it is not repeated. */
  takeWelcome(nowMs: number): boolean {
    if (nowMs < this.#lastSentMs + WELCOME_INTERVAL_MS) return false;
    this.#lastSentMs = nowMs;
    return true;
  }

  get #intervalMs(): number {
    // Eight requests at full rate, then half the rate each time.
    return Math.min(MAX_INTERVAL_MS, KEY_FRAME_REQUEST_INTERVAL_MS * 2 ** Math.max(0, this.#unanswered - 8));
  }
}
