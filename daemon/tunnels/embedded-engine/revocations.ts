/**
 * Tokens that were minted before a tunnel was kicked open it no more: a revoked camera may still hold a
 * token with minutes to live. Entries last as long as such a token can. Pure.
 */
import { MAX_TTL_SECONDS } from '../tokens.ts';

/** Kicks within one token lifetime that are remembered by name. */
const MAX_NAMES = 10_000;

export class Revocations {
  /** Insertion order is order of time, so the first entry is the oldest. */
  readonly #stamps = new Map<string, { stamp: number; forgetAtMs: number }>();
  /** Where names no longer fit, everything older than this is refused: never the other way round. */
  #floor = 0;

  /** From now on only tokens issued after `stamp` open this name. */
  revoke(name: string, stamp: number, nowMs: number): void {
    this.#stamps.delete(name);
    this.#stamps.set(name, { stamp, forgetAtMs: nowMs + MAX_TTL_SECONDS * 1000 });
    for (const [oldest, entry] of this.#stamps) {
      if (entry.forgetAtMs > nowMs && this.#stamps.size <= MAX_NAMES) break;
      if (entry.forgetAtMs > nowMs) this.#floor = Math.max(this.#floor, entry.stamp);
      this.#stamps.delete(oldest);
    }
  }

  /** @param issuedAt the token's place on the same line as the stamps. */
  isRevoked(name: string, issuedAt: number): boolean {
    return issuedAt < Math.max(this.#floor, this.#stamps.get(name)?.stamp ?? 0);
  }
}
