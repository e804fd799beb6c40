/** Bytes that arrived over the last half second, by the receiver's clock: what the path did carry. */

const BUCKET_MS = 25;
const BUCKETS = 24;

export class ThroughputWindow {
  readonly #sums = new Float64Array(BUCKETS);
  #newest = -1;
  #first = -1;

  /** Notes an arrival. Packets that overtook each other by more than the window are left out. */
  add(bytes: number, arrivalMs: number): void {
    const bucket = Math.floor(arrivalMs / BUCKET_MS);
    if (bucket > this.#newest) {
      const from = Math.max(this.#newest + 1, bucket - BUCKETS + 1);
      for (let one = from; one <= bucket; one += 1) this.#sums[one % BUCKETS] = 0;
      if (this.#newest === -1 || bucket - this.#newest > BUCKETS) this.#first = bucket;
      this.#newest = bucket;
    }
    if (bucket <= this.#newest - BUCKETS || bucket < 0) return;
    const at = bucket % BUCKETS;
    this.#sums[at] = (this.#sums[at] ?? 0) + bytes;
  }

  /** Bits per second over the last `windowMs` of full buckets; undefined when there are not as many yet. */
  bitsPerSecond(windowMs: number): number | undefined {
    const buckets = Math.min(BUCKETS - 1, Math.round(windowMs / BUCKET_MS));
    // The newest bucket still fills, and the first one was entered in its middle.
    if (this.#newest - this.#first <= buckets) return undefined;
    let sum = 0;
    for (let back = 1; back <= buckets; back += 1) sum += this.#sums[(this.#newest - back) % BUCKETS] ?? 0;
    return (sum * 8000) / (buckets * BUCKET_MS);
  }

  /** The receiver's clock jumped, or nothing came for long: starts anew. */
  reset(): void {
    this.#newest = -1;
    this.#first = -1;
    this.#sums.fill(0);
  }
}
