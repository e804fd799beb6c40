/**
 * Bounds on relayed payload, both directions together: bytes and packets per second of a credential, a
 * subject, the namespace and its share of the node. An allocation holds its meter, so a packet costs no
 * lookup, and the clock is read only when a bucket has run empty: a burst is half a second's worth, and
 * no second sees more than two of them beyond the rate.
 */
import type { LimitUse } from './limit-use.ts';
import type { QuotaHolder } from './quota.ts';

const SCOPES = ['PerUser', 'PerSubject', '', 'OfNode'] as const;
type Scope = (typeof SCOPES)[number];
type Unit = 'bytesPerSecond' | 'packetsPerSecond';
/** Key of the configuration and name in status and metrics. */
export type RateName = `${Unit}${Scope}`;
/** null: unlimited. */
export type RateLimits = Record<RateName, number | null>;

/** Where dropped packets are counted: the core's reasons contain these two. */
type RateDrops = { add: (reason: 'over-bandwidth' | 'over-packet-rate') => void };

const BURST_SECONDS = 0.5;
/** The largest datagram must fit, or it would never pass. */
const LEAST_BURST = { bytesPerSecond: 65_536, packetsPerSecond: 1 };
/** A bucket nobody holds is full again after this long: forgetting it gives nobody a burst. */
const REST_MS = 1000;

type Refused = { count: number };

class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  readonly refused: Refused;
  #tokens: number;
  #filledMs: number;

  constructor(unit: Unit, perSecond: number, refused: Refused, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = Math.max(perSecond * BURST_SECONDS, LEAST_BURST[unit]);
    this.refused = refused;
    this.#tokens = this.#burst;
    this.#filledMs = nowMs;
  }

  has(cost: number, nowMs: () => number): boolean {
    if (this.#tokens >= cost) return true;
    const now = nowMs();
    const elapsedMs = Math.max(0, now - this.#filledMs);
    this.#filledMs = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsedMs * this.#perMs);
    return this.#tokens >= cost;
  }

  /** How long until it may have enough: 0 when it has; counted as refused when it has not. */
  lackMs(cost: number, nowMs: () => number): number {
    if (this.has(cost, nowMs)) return 0;
    this.refused.count += 1;
    return Math.ceil((cost - this.#tokens) / this.#perMs);
  }

  take(cost: number): void {
    this.#tokens -= cost;
  }
}

type Held = { bytes: TokenBucket | undefined; packets: TokenBucket | undefined; holders: number };

/** What an allocation holds: the buckets that bound it, from the narrowest to the widest. */
export class TrafficMeter {
  readonly #bytes: readonly TokenBucket[];
  readonly #packets: readonly TokenBucket[];
  readonly #drops: RateDrops;
  readonly #nowMs: () => number;

  constructor(held: readonly Held[], drops: RateDrops, nowMs: () => number) {
    this.#bytes = held.flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes]));
    this.#packets = held.flatMap(({ packets }) => (packets === undefined ? [] : [packets]));
    this.#drops = drops;
    this.#nowMs = nowMs;
  }

  /**
   * For bytes of a stream, which cannot be dropped: takes them of all buckets, as one packet, or of none.
   * @returns 0, or after how many milliseconds it is worth asking again.
   */
  delayMs(chunkBytes: number): number {
    // More than the smallest burst would never fit.
    const bytes = Math.min(chunkBytes, LEAST_BURST.bytesPerSecond);
    let delayMs = 0;
    for (const bucket of this.#packets) delayMs = Math.max(delayMs, bucket.lackMs(1, this.#nowMs));
    for (const bucket of this.#bytes) delayMs = Math.max(delayMs, bucket.lackMs(bytes, this.#nowMs));
    if (delayMs > 0) return delayMs;
    for (const bucket of this.#packets) bucket.take(1);
    for (const bucket of this.#bytes) bucket.take(bytes);
    return 0;
  }

  /** Takes a packet of all buckets, or of none: false is a drop, counted by reason and by bucket. */
  admits(payloadBytes: number): boolean {
    for (const bucket of this.#packets) {
      if (bucket.has(1, this.#nowMs)) continue;
      bucket.refused.count += 1;
      this.#drops.add('over-packet-rate');
      return false;
    }
    for (const bucket of this.#bytes) {
      if (bucket.has(payloadBytes, this.#nowMs)) continue;
      bucket.refused.count += 1;
      this.#drops.add('over-bandwidth');
      return false;
    }
    for (const bucket of this.#packets) bucket.take(1);
    for (const bucket of this.#bytes) bucket.take(payloadBytes);
    return true;
  }
}

export class TrafficMeters {
  readonly #drops: RateDrops;
  readonly #nowMs: () => number;
  readonly #refused = new Map<RateName, Refused>();
  #held = new Map<string, Held>();
  /** Without holders, by when the last one left, oldest first. */
  #resting = new Map<string, number>();
  #limits: RateLimits;

  constructor(limits: RateLimits, drops: RateDrops, nowMs: () => number) {
    this.#limits = limits;
    this.#drops = drops;
    this.#nowMs = nowMs;
  }

  /** @returns whether a rate changed: every living allocation needs a new meter then. */
  configure(limits: RateLimits): boolean {
    const changed = this.#names().some((name) => limits[name] !== this.#limits[name]);
    this.#limits = limits;
    if (changed) {
      this.#held = new Map();
      this.#resting = new Map();
    }
    return changed;
  }

  /** The meter of one more allocation of a holder; undefined when nothing bounds it. */
  open(holder: QuotaHolder): TrafficMeter | undefined {
    this.#forgetRested();
    const held: Held[] = [];
    for (const scope of SCOPES) {
      if (!this.#isLimited(scope)) continue;
      const key = keyOf(scope, holder);
      const one = this.#held.get(key) ?? this.#create(scope);
      one.holders += 1;
      this.#held.set(key, one);
      this.#resting.delete(key);
      held.push(one);
    }
    return held.length === 0 ? undefined : new TrafficMeter(held, this.#drops, this.#nowMs);
  }

  /** An allocation that `open` was called for has ended. */
  close(holder: QuotaHolder): void {
    for (const scope of SCOPES) {
      const key = keyOf(scope, holder);
      const one = this.#held.get(key);
      if (one === undefined) continue;
      one.holders -= 1;
      if (one.holders === 0) this.#resting.set(key, this.#nowMs());
    }
  }

  /** Bounds that are set. */
  uses(): LimitUse[] {
    return this.#names().flatMap((name) => {
      const limit = this.#limits[name];
      return limit === null ? [] : [{ name, limit, refused: this.#refused.get(name)?.count ?? 0 }];
    });
  }

  #names(): RateName[] {
    return (['bytesPerSecond', 'packetsPerSecond'] as const).flatMap((unit) =>
      SCOPES.map((scope) => `${unit}${scope}` as const),
    );
  }

  #isLimited(scope: Scope): boolean {
    return (
      this.#limits[`bytesPerSecond${scope}`] !== null || this.#limits[`packetsPerSecond${scope}`] !== null
    );
  }

  #create(scope: Scope): Held {
    const bucket = (unit: Unit): TokenBucket | undefined => {
      const name = `${unit}${scope}` as const;
      const perSecond = this.#limits[name];
      if (perSecond === null) return undefined;
      const refused = this.#refused.get(name) ?? { count: 0 };
      this.#refused.set(name, refused);
      return new TokenBucket(unit, perSecond, refused, this.#nowMs());
    };
    return { bytes: bucket('bytesPerSecond'), packets: bucket('packetsPerSecond'), holders: 0 };
  }

  #forgetRested(): void {
    const restedMs = this.#nowMs() - REST_MS;
    for (const [key, sinceMs] of this.#resting) {
      if (sinceMs > restedMs) return;
      this.#resting.delete(key);
      this.#held.delete(key);
    }
  }
}

function keyOf(scope: Scope, holder: QuotaHolder): string {
  if (scope === 'PerUser') return `${scope} ${holder.credential}`;
  if (scope === 'PerSubject') return `${scope} ${holder.subject}`;
  return scope;
}
