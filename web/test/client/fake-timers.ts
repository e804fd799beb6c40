/** Time that moves only when told to. */
import type { Timers } from '../../client/timers.ts';

export class FakeTimers implements Timers {
  #nowMs = 1_000_000;
  #queue: { atMs: number; order: number; run: () => void }[] = [];
  #order = 0;

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + ms, order: this.#order++, run };
    this.#queue.push(entry);
    return () => {
      this.#queue = this.#queue.filter((one) => one !== entry);
    };
  }

  random(): number {
    return 0.999;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Runs what is due, and lets promises settle between two timers. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const next = this.#queue
        .filter((one) => one.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#queue = this.#queue.filter((one) => one !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
