/**
 * How often callers may ask. Cameras and viewers have budgets of their own: a thousand cameras that
 * reconnect at once cost viewers nothing, and a busy wall costs no camera its tunnel.
 */
import { AppError } from '../contract/errors.ts';
import type { Clock } from '../kit/clock.ts';
import { RateLimiter, type RateLimit } from '../kit/rate-limiter.ts';

const LIMITS = {
  /** Everything but provisioning, by source address: a person, or an office behind one address. */
  address: { perSecond: 50, burst: 500 },
  /** Credentials and signaling sockets, by caller: a wall of cameras reloaded a few times. */
  viewer: { perSecond: 5, burst: 100 },
  /** Provisioning of one camera. Producers retry every 5 s, and fetch TURN credentials once a session. */
  camera: { perSecond: 1, burst: 20 },
  /** Provisioning of all cameras: what this host can do beside its other work. */
  cameras: { perSecond: 500, burst: 2000 },
  /** Wrong device secrets and API keys, by source address. */
  wrongSecret: { perSecond: 1, burst: 30 },
} as const satisfies Record<string, RateLimit>;
export type BudgetName = keyof typeof LIMITS;

const SENTENCES: Record<BudgetName, string> = {
  address: 'Too many requests from this address.',
  viewer: 'Too many viewing sessions were asked for at once.',
  camera: 'This camera asks too often.',
  cameras: 'Too many cameras connect at this moment.',
  wrongSecret: 'Too many wrong credentials from this address.',
};
const MAX_KEYS = 20_000;

export class Budgets {
  readonly #clock: Clock;
  readonly #limiters: Record<BudgetName, RateLimiter>;

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock;
    const limiter = (name: BudgetName): RateLimiter => new RateLimiter(LIMITS[name], { maxKeys: MAX_KEYS });
    this.#limiters = {
      address: limiter('address'),
      viewer: limiter('viewer'),
      camera: limiter('camera'),
      cameras: limiter('cameras'),
      wrongSecret: limiter('wrongSecret'),
    };
  }

  /** Takes one token. Throws rate_limited, with the seconds to wait, when there is none. */
  spend(name: BudgetName, key: string): void {
    const waitMs = this.#limiters[name].take(key, this.#clock.nowMs());
    if (waitMs === 0) return;
    const seconds = Math.ceil(waitMs / 1000);
    throw new AppError('rate_limited', `${SENTENCES[name]} Try again in ${String(seconds)} s.`, {
      retryAfterSeconds: seconds,
      details: { budget: name },
    });
  }
}
