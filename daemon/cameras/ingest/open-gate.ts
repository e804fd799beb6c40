/**
 * How many cameras are dialled at the same time: a storm of reconnecting cameras waits here in order,
 * and viewers do not notice it.
 */

type Waiter = { admit: () => void };

export class OpenGate {
  readonly #width: number;
  readonly #waiting = new Set<Waiter>();
  #inside = 0;

  /** @param width dials under way at once; each holds a stream and a few timers. */
  constructor(width: number) {
    this.#width = width;
  }

  get inside(): number {
    return this.#inside;
  }

  /**
   * Waits for a place, first come first served. Resolves with the function that gives it back (calling it
   * twice is harmless); rejects with the signal's reason when that is aborted first.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#inside >= this.#width) await this.#wait(signal);
    else this.#inside += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        admit: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** The place goes from hand to hand while somebody waits. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.admit();
  }
}
