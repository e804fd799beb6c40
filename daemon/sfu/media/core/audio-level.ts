/**
 * How loud an audio source is, from the level its packets carry (RFC 6464): smoothed over some 200 ms, and the
 * most of the last second, because it is looked at about once a second.
 */

const SMOOTHING = 0.1;
/** Levels are 0 to 127 in -dBov: 127 is silence. */
const SILENCE = 127;
const STALE_MS = 1000;
const WINDOW_MS = 500;

export class AudioLevel {
  #loudness = 0;
  #lastMs = -Infinity;
  #windowStartMs = -Infinity;
  #most = 0;
  #mostBefore = 0;

  /** @param element the extension's byte: a bit for voice and seven for the level. */
  note(element: number, nowMs: number): void {
    const loudness = SILENCE - (element & 0x7f);
    if (nowMs - this.#lastMs > STALE_MS) {
      this.#loudness = loudness;
      this.#most = 0;
    } else this.#loudness += (loudness - this.#loudness) * SMOOTHING;
    this.#lastMs = nowMs;
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#mostBefore = this.#most;
      this.#most = 0;
      this.#windowStartMs = nowMs;
    }
    this.#most = Math.max(this.#most, this.#loudness);
  }

  /** Decibels above silence, 0 to 127; 0 when nothing came lately. */
  at(nowMs: number): number {
    return nowMs - this.#lastMs > STALE_MS ? 0 : Math.max(this.#most, this.#mostBefore);
  }
}
