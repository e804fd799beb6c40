/**
 * Slows down guessing: by user and address (five tries, then 60 s), by address (so that one host cannot
 * try many names) and by user (so that many hosts cannot try one name). A try counts when it begins, so
 * that tries at the same time count too; a success forgets them. Time is an argument.
 */
import { RateLimiter } from '../kit/rate-limiter.ts';

const MAX_KEYS = 10_000;
const PAUSE_MS = 60_000;
const TRIES_BEFORE_PAUSE = 5;
/** Tries this old no longer count. */
const FORGET_MS = 300_000;

type Tries = { count: number; pausedUntilMs: number; lastMs: number };

export type LoginTry = { allowed: true; triesLeft: number } | { allowed: false; waitMs: number };

export class LoginThrottle {
  readonly #tries = new Map<string, Tries>();
  readonly #byAddress = new RateLimiter({ perSecond: 1 / 6, burst: 30 }, { maxKeys: MAX_KEYS });
  readonly #byUser = new RateLimiter({ perSecond: 1 / 6, burst: 60 }, { maxKeys: MAX_KEYS });

  /** Counts a try. `triesLeft` is what remains before the pause when this one fails. */
  begin(user: string, address: string, nowMs: number): LoginTry {
    const key = `${address} ${user}`;
    const known = this.#tries.get(key);
    if (known !== undefined && known.pausedUntilMs > nowMs) {
      return { allowed: false, waitMs: known.pausedUntilMs - nowMs };
    }
    const waitMs = Math.max(this.#byAddress.take(address, nowMs), this.#byUser.take(user, nowMs));
    if (waitMs > 0) return { allowed: false, waitMs };

    const fresh = known === undefined || known.pausedUntilMs > 0 || nowMs - known.lastMs > FORGET_MS;
    const count = (fresh ? 0 : known.count) + 1;
    const last = count >= TRIES_BEFORE_PAUSE;
    // Map order is insertion order: re-inserting keeps the least recently used key first.
    this.#tries.delete(key);
    this.#tries.set(key, { count, pausedUntilMs: last ? nowMs + PAUSE_MS : 0, lastMs: nowMs });
    if (this.#tries.size > MAX_KEYS) {
      const oldest = this.#tries.keys().next();
      if (oldest.done !== true) this.#tries.delete(oldest.value);
    }
    return { allowed: true, triesLeft: TRIES_BEFORE_PAUSE - count };
  }

  succeeded(user: string, address: string): void {
    this.#tries.delete(`${address} ${user}`);
  }
}
