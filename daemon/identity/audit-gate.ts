/**
 * How many lines of one kind come into the audit: who is refused again and again, or fetches credentials all
 * day, must not push out what others did. What is left out is counted in the next line of its kind.
 */
import type { Clock } from '../kit/clock.ts';
import { RateLimiter, type RateLimit } from '../kit/rate-limiter.ts';

const LIMITS = {
  /** Nobody knows who: all of them together. */
  stranger: { perSecond: 1 / 60, burst: 60 },
  /** A known caller that is refused. */
  refused: { perSecond: 1 / 20, burst: 100 },
  /** Credentials and tickets of one caller in one namespace: fetched again every few minutes. */
  grant: { perSecond: 1 / 300, burst: 20 },
  /** One moderator of a room, over the socket. */
  moderation: { perSecond: 1, burst: 60 },
} as const satisfies Record<string, RateLimit>;
export type GateKind = keyof typeof LIMITS;

const MAX_KEYS = 5000;

export class AuditGate {
  readonly #clock: Clock;
  readonly #limiters: Record<GateKind, RateLimiter>;
  readonly #left = new Map<string, number>();

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock;
    const limiter = (kind: GateKind): RateLimiter => new RateLimiter(LIMITS[kind], { maxKeys: MAX_KEYS });
    this.#limiters = {
      stranger: limiter('stranger'),
      refused: limiter('refused'),
      grant: limiter('grant'),
      moderation: limiter('moderation'),
    };
  }

  /** @returns how many of this kind were left out since the last one, or undefined: leave this one out too. */
  pass(kind: GateKind, key: string): number | undefined {
    const name = `${kind} ${key}`;
    const left = this.#left.get(name) ?? 0;
    if (this.#limiters[kind].take(key, this.#clock.nowMs()) === 0) {
      this.#left.delete(name);
      return left;
    }
    this.#left.delete(name);
    this.#left.set(name, left + 1);
    if (this.#left.size > MAX_KEYS) this.#left.delete(this.#left.keys().next().value ?? name);
    return undefined;
  }
}
