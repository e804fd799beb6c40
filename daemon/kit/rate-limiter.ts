/**
 * Token buckets by key with a bound on the number of keys: a key nobody used for a full refill is
 * forgotten, and when the table is full the oldest key is dropped (it starts again with a full bucket).
 */
export type RateLimit = { perSecond: number; burst: number };

type Bucket = { tokens: number; updatedMs: number };

export class RateLimiter {
  #limit: RateLimit;
  #maxKeys: number;
  readonly #buckets = new Map<string, Bucket>();
  #forgotten = 0;

  constructor(limit: RateLimit, options: { maxKeys: number }) {
    this.#limit = limit;
    this.#maxKeys = options.maxKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Keys that had to make room for others, since the start. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Other bounds from now on; a bucket keeps what it holds, up to the new burst. */
  configure(limit: RateLimit, options: { maxKeys: number }): void {
    this.#limit = limit;
    this.#maxKeys = options.maxKeys;
    this.#makeRoom();
  }

  /**
   * Takes `cost` tokens.
   * @returns 0 when allowed, else the milliseconds after which the same call would be allowed.
   */
  take(key: string, nowMs: number, cost = 1): number {
    const { perSecond, burst } = this.#limit;
    const known = this.#buckets.get(key);
    const bucket = known ?? { tokens: burst, updatedMs: nowMs };
    const elapsedMs = Math.max(0, nowMs - bucket.updatedMs);
    bucket.tokens = Math.min(burst, bucket.tokens + (elapsedMs / 1000) * perSecond);
    bucket.updatedMs = nowMs;
    // Map order is insertion order: re-inserting keeps the least recently used key first.
    if (known !== undefined) this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    this.#makeRoom();
    if (bucket.tokens >= cost) {
      bucket.tokens -= cost;
      return 0;
    }
    return Math.max(1, Math.ceil(((cost - bucket.tokens) / perSecond) * 1000));
  }

  #makeRoom(): void {
    if (this.#buckets.size <= this.#maxKeys) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      this.#forgotten += 1;
      if (this.#buckets.size <= this.#maxKeys) return;
    }
  }
}
