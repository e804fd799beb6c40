/**
 * Nested counts of what allocations hold: of a credential, of a subject (all credentials of one person or
 * device, so that renewing a credential gains nothing), of the namespace and of its share of the node. A
 * unit is taken of all four or of none. Entries exist while they hold something, so the tables are bounded
 * by what is allocated.
 */
import type { LimitUse } from './limit-use.ts';
import { subjectOf } from './session-rules.ts';

export const QUOTA_RESOURCES = ['allocations', 'permissions', 'channels', 'dataConnections'] as const;
export type QuotaResource = (typeof QUOTA_RESOURCES)[number];
/** Whose limit: a credential's, a subject's, the namespace's, its share of the node. */
const SCOPES = ['PerUser', 'PerSubject', '', 'OfNode'] as const;
type Scope = (typeof SCOPES)[number];
/** Key of the configuration, name in status, metrics and log. */
export type QuotaName = `${QuotaResource}${Scope}`;
/** What hangs on an allocation has a bound there too. */
const OF_ALLOCATION = ['permissions', 'channels', 'dataConnections'] as const;
type AllocationBound = `${(typeof OF_ALLOCATION)[number]}PerAllocation`;
export type QuotaLimits = Record<QuotaName | AllocationBound, number>;

/** Who holds a unit: the username as presented, and the subject in it. */
export type QuotaHolder = { readonly credential: string; readonly subject: string };

/** A name without a subject is a subject of its own; a subject never equals such a name: it has no colon. */
export function quotaHolder(username: string): QuotaHolder {
  return { credential: username, subject: subjectOf(username) ?? username };
}

type Counts = { perCredential: Map<string, number>; perSubject: Map<string, number>; total: number };

export class QuotaLedger {
  readonly #counts: Record<QuotaResource, Counts> = {
    allocations: emptyCounts(),
    permissions: emptyCounts(),
    channels: emptyCounts(),
    dataConnections: emptyCounts(),
  };
  readonly #refused = new Map<QuotaName | AllocationBound, number>();

  /** Holders with something, for the tests' invariants. */
  get size(): number {
    return Object.values(this.#counts).reduce(
      (sum, { perCredential, perSubject }) => sum + perCredential.size + perSubject.size,
      0,
    );
  }

  /**
   * Takes `count` units, or none. A count of 0 always fits: what is held already stays.
   * @returns the first limit that is full (counted as refused), or undefined.
   */
  take(
    resource: QuotaResource,
    holder: QuotaHolder,
    limits: QuotaLimits,
    count = 1,
  ): { name: QuotaName; ofHolder: boolean } | undefined {
    if (count === 0) return undefined;
    const counts = this.#counts[resource];
    for (const scope of SCOPES) {
      const name = `${resource}${scope}` as const;
      if (usedBy(counts, scope, holder) + count <= limits[name]) continue;
      this.#count(name);
      return { name, ofHolder: scope === 'PerUser' || scope === 'PerSubject' };
    }
    change(counts.perCredential, holder.credential, count);
    change(counts.perSubject, holder.subject, count);
    counts.total += count;
    return undefined;
  }

  /** @returns the bound that an allocation with `total` of them would pass (counted as refused), or undefined. */
  overAllocation(
    resource: (typeof OF_ALLOCATION)[number],
    total: number,
    limits: QuotaLimits,
  ): AllocationBound | undefined {
    const name = `${resource}PerAllocation` as const;
    if (total <= limits[name]) return undefined;
    this.#count(name);
    return name;
  }

  release(resource: QuotaResource, holder: QuotaHolder): void {
    const counts = this.#counts[resource];
    change(counts.perCredential, holder.credential, -1);
    change(counts.perSubject, holder.subject, -1);
    counts.total -= 1;
  }

  uses(limits: QuotaLimits): LimitUse[] {
    const nested = QUOTA_RESOURCES.flatMap((resource) =>
      SCOPES.map((scope) => {
        const name = `${resource}${scope}` as const;
        const used = scope === '' || scope === 'OfNode' ? this.#counts[resource].total : undefined;
        return { name, limit: limits[name], used, refused: this.#refused.get(name) ?? 0 };
      }),
    );
    const ofAllocation = OF_ALLOCATION.map((resource) => {
      const name = `${resource}PerAllocation` as const;
      return { name, limit: limits[name], refused: this.#refused.get(name) ?? 0 };
    });
    return [...nested, ...ofAllocation];
  }

  #count(name: QuotaName | AllocationBound): void {
    this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1);
  }
}

function emptyCounts(): Counts {
  return { perCredential: new Map(), perSubject: new Map(), total: 0 };
}

function usedBy(counts: Counts, scope: Scope, holder: QuotaHolder): number {
  if (scope === 'PerUser') return counts.perCredential.get(holder.credential) ?? 0;
  if (scope === 'PerSubject') return counts.perSubject.get(holder.subject) ?? 0;
  return counts.total;
}

function change(used: Map<string, number>, key: string, by: number): void {
  const left = (used.get(key) ?? 0) + by;
  if (left > 0) used.set(key, left);
  else used.delete(key);
}
