/**
 * Counts what the packet path throws away, by reason. Counting allocates nothing after the first
 * packet of a reason. The set of reasons is fixed by the caller's type, so the map cannot grow.
 */
export class DropCounter<Reason extends string> {
  readonly #counts = new Map<Reason, number>();

  add(reason: Reason, by = 1): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + by);
  }

  get(reason: Reason): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** All totals since the start, for status and metrics. */
  totals(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
