/** Sums over the last two seconds, in eight buckets: bit rate and frame rate of a source. */

const BUCKET_MS = 250;
const BUCKETS = 8;

export class RateMeter {
  readonly #sums = new Float64Array(BUCKETS);
  #bucket = -1;
  #startMs: number | undefined;

  add(amount: number, nowMs: number): void {
    this.#startMs ??= nowMs;
    this.#moveTo(Math.floor(nowMs / BUCKET_MS));
    const at = this.#bucket % BUCKETS;
    this.#sums[at] = (this.#sums[at] ?? 0) + amount;
  }

  /** Amount per second. */
  perSecond(nowMs: number): number {
    if (this.#startMs === undefined) return 0;
    this.#moveTo(Math.floor(nowMs / BUCKET_MS));
    let sum = 0;
    for (const one of this.#sums) sum += one;
    // The window is shorter right after the start and while the newest bucket fills.
    const filledMs = (BUCKETS - 1) * BUCKET_MS + (nowMs % BUCKET_MS);
    const spanMs = Math.max(BUCKET_MS, Math.min(filledMs, nowMs - this.#startMs));
    return (sum / spanMs) * 1000;
  }

  #moveTo(bucket: number): void {
    if (bucket <= this.#bucket) return;
    if (bucket - this.#bucket >= BUCKETS) this.#sums.fill(0);
    else for (let one = this.#bucket + 1; one <= bucket; one += 1) this.#sums[one % BUCKETS] = 0;
    this.#bucket = bucket;
  }
}
