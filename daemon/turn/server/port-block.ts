/**
 * Which ports of a relay block are free: random start, so that a relayed address cannot be guessed from
 * the last one, and a rest after release, so that a peer's late packets meet nobody. Pure.
 */

/** Rest that is preferred, and the one that is always kept. */
const PREFERRED_REST_MS = 60_000;
const LEAST_REST_MS = 2_000;

export class PortBlock {
  readonly #minPort: number;
  readonly #random: (below: number) => number;
  /** When each port was released: 0 never used, Infinity in use. */
  readonly #releasedAtMs: Float64Array;

  /** @param options.random an integer in [0, below). */
  constructor(options: { minPort: number; maxPort: number; random: (below: number) => number }) {
    this.#minPort = options.minPort;
    this.#random = options.random;
    this.#releasedAtMs = new Float64Array(options.maxPort - options.minPort + 1);
  }

  get inUse(): number {
    return this.#releasedAtMs.reduce((count, at) => (at === Infinity ? count + 1 : count), 0);
  }

  /**
   * Takes a port (for `even-pair` this one and the next). Prefers one that has rested; under pressure
   * the longest rested one.
   * @returns undefined when the block is exhausted.
   */
  take(parity: 'any' | 'even' | 'even-pair', nowMs: number): number | undefined {
    const size = this.#releasedAtMs.length;
    const start = this.#random(size);
    let best: number | undefined;
    let bestReleasedMs = nowMs - LEAST_REST_MS;
    for (let step = 0; step < size; step += 1) {
      const at = (start + step) % size;
      if (parity !== 'any' && (this.#minPort + at) % 2 !== 0) continue;
      const releasedMs =
        parity === 'even-pair' ? Math.max(this.#released(at), this.#released(at + 1)) : this.#released(at);
      if (releasedMs > bestReleasedMs || (best !== undefined && releasedMs === bestReleasedMs)) continue;
      best = at;
      bestReleasedMs = releasedMs;
      if (releasedMs <= nowMs - PREFERRED_REST_MS) break;
    }
    if (best === undefined) return undefined;
    this.#releasedAtMs[best] = Infinity;
    if (parity === 'even-pair') this.#releasedAtMs[best + 1] = Infinity;
    return this.#minPort + best;
  }

  /** Gives a port back; it rests from now on. */
  release(port: number, nowMs: number): void {
    this.#releasedAtMs[port - this.#minPort] = nowMs;
  }

  #released(at: number): number {
    return this.#releasedAtMs[at] ?? Infinity;
  }
}
