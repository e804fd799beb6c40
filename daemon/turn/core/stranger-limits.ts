/**
 * What a source that nobody has authenticated may cost us: requests (bytes to read, HMACs to compute) and
 * error answers, which a spoofed source would have us send to somebody else. The buckets are all that is
 * remembered of strangers, and there is a bound on them too: the source unheard the longest is forgotten.
 */
import { RateLimiter } from '../../kit/rate-limiter.ts';
import type { LimitUse } from './limit-use.ts';
import { sourcePrefix } from './source-prefix.ts';

/** Names are those of the configuration's `limits`. */
export type StrangerRates = {
  strangerRequestsPerSecond: number;
  unauthorizedAnswersPerSecond: number;
  /** Sources each of the two remembers. */
  rememberedSources: number;
};

type StrangerRate = 'strangerRequestsPerSecond' | 'unauthorizedAnswersPerSecond';

/** Everybody behind one address may come back at once, after a restart for example. */
const BURST_SECONDS = 5;

export class StrangerLimits {
  #rates: StrangerRates;
  readonly #requests: RateLimiter;
  readonly #answers: RateLimiter;
  readonly #refused: Record<StrangerRate, number> = {
    strangerRequestsPerSecond: 0,
    unauthorizedAnswersPerSecond: 0,
  };

  constructor(rates: StrangerRates) {
    this.#rates = rates;
    const maxKeys = rates.rememberedSources;
    this.#requests = new RateLimiter(bucket(rates.strangerRequestsPerSecond), { maxKeys });
    this.#answers = new RateLimiter(bucket(rates.unauthorizedAnswersPerSecond), { maxKeys });
  }

  /** What the sources have left stays theirs. */
  configure(rates: StrangerRates): void {
    this.#rates = rates;
    const maxKeys = rates.rememberedSources;
    this.#requests.configure(bucket(rates.strangerRequestsPerSecond), { maxKeys });
    this.#answers.configure(bucket(rates.unauthorizedAnswersPerSecond), { maxKeys });
  }

  /** Whether one more request of a source without an allocation is looked at. */
  admitsRequest(address: string, nowMs: number): boolean {
    return this.#take('strangerRequestsPerSecond', this.#requests, address, nowMs);
  }

  /** Whether one more request that proved nothing gets its error answer. */
  admitsAnswer(address: string, nowMs: number): boolean {
    return this.#take('unauthorizedAnswersPerSecond', this.#answers, address, nowMs);
  }

  uses(): LimitUse[] {
    const { strangerRequestsPerSecond, unauthorizedAnswersPerSecond, rememberedSources } = this.#rates;
    return [
      {
        name: 'strangerRequestsPerSecond',
        limit: strangerRequestsPerSecond,
        refused: this.#refused.strangerRequestsPerSecond,
      },
      {
        name: 'unauthorizedAnswersPerSecond',
        limit: unauthorizedAnswersPerSecond,
        refused: this.#refused.unauthorizedAnswersPerSecond,
      },
      {
        name: 'rememberedSources',
        limit: rememberedSources,
        used: Math.max(this.#requests.size, this.#answers.size),
        refused: this.#requests.forgotten + this.#answers.forgotten,
      },
    ];
  }

  #take(name: StrangerRate, limiter: RateLimiter, address: string, nowMs: number): boolean {
    if (limiter.take(sourcePrefix(address), nowMs) === 0) return true;
    this.#refused[name] += 1;
    return false;
  }
}

function bucket(perSecond: number): { perSecond: number; burst: number } {
  return { perSecond, burst: perSecond * BURST_SECONDS };
}
