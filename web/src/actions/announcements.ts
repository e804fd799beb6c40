/**
 * What a screen reader hears of the pictures: only on entry to a state, after it lasted 1 s, and at most one
 * sentence per 5 s and page. Pure: the owner calls `due` when it ticks.
 */
export type Sentence = { text: string; politeness: 'polite' | 'assertive' };

const SETTLE_MS = 1000;
const GAP_MS = 5000;
const MAX_WAITING = 100;

export class Announcements {
  #lastAtMs = Number.NEGATIVE_INFINITY;
  readonly #waiting = new Map<string, { sentence: Sentence; dueAtMs: number }>();
  /** What each tile was last in: the same state is not said twice. */
  readonly #entered = new Map<string, string>();

  /**
   * A tile is in a state now.
   * @param key identifies the state; @param sentence null: entering it says nothing.
   */
  enter(id: string, key: string, sentence: Sentence | null, nowMs: number): void {
    if (this.#entered.get(id) === key) return;
    const first = !this.#entered.has(id);
    this.#entered.set(id, key);
    this.#waiting.delete(id);
    if (sentence === null || (first && sentence.politeness === 'polite')) return;
    if (this.#waiting.size < MAX_WAITING) {
      this.#waiting.set(id, { sentence, dueAtMs: nowMs + SETTLE_MS });
    }
  }

  forget(id: string): void {
    this.#entered.delete(id);
    this.#waiting.delete(id);
  }

  /** The sentence to say now, if any. */
  due(nowMs: number): Sentence | null {
    if (nowMs - this.#lastAtMs < GAP_MS) return null;
    for (const [id, { sentence, dueAtMs }] of this.#waiting) {
      if (dueAtMs > nowMs) continue;
      this.#waiting.delete(id);
      this.#lastAtMs = nowMs;
      return sentence;
    }
    return null;
  }
}
