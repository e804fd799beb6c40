/**
 * Token buckets by key with a bound on the number of keys: a key nobody used for a full refill is
 * forgotten, and when the table is full the oldest key is dropped (it starts again with a full bucket).
 */
export type RateLimit = { perSecond: number; burst: number };

type Bucket = { tokens: number; updatedMs: number };

export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, options: { maxKeys: number }) {
    this.#limit = limit;
    this.#maxKeys = options.maxKeys;
  }

  get size(): number {
    return this.#buckets.size;
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
    if (this.#buckets.size > this.#maxKeys) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    if (bucket.tokens >= cost) {
      bucket.tokens -= cost;
      return 0;
    }
    return Math.max(1, Math.ceil(((cost - bucket.tokens) / perSecond) * 1000));
  }
}
