/**
 * Nested quotas: a reservation takes one unit of every bucket or of none. Buckets exist while they hold
 * something, so the table is bounded by what is allocated.
 */

/** `code` is what the client is told when this bucket is full. */
export type Bucket = { name: string; key: string; limit: number; code: 486 | 508 };
export type BucketKeys = readonly string[];

export class QuotaLedger {
  readonly #used = new Map<string, number>();

  /** Buckets that hold something, for the tests' invariants. */
  get size(): number {
    return this.#used.size;
  }

  /** @returns the keys to release later, or the first bucket that is full. */
  take(buckets: readonly Bucket[]): { ok: true; keys: BucketKeys } | { ok: false; full: Bucket } {
    const keys = buckets.map((bucket) => `${bucket.name}\n${bucket.key}`);
    for (const [at, bucket] of buckets.entries()) {
      if ((this.#used.get(keys[at] ?? '') ?? 0) >= bucket.limit) return { ok: false, full: bucket };
    }
    for (const key of keys) this.#used.set(key, (this.#used.get(key) ?? 0) + 1);
    return { ok: true, keys };
  }

  release(keys: BucketKeys): void {
    for (const key of keys) {
      const left = (this.#used.get(key) ?? 0) - 1;
      if (left > 0) this.#used.set(key, left);
      else this.#used.delete(key);
    }
  }
}
