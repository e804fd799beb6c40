/**
 * The last refusals with their reasons, for operators. A ring: constant work and memory, whoever refuses
 * how often. What a stranger, or every packet, could write into it goes through a rate limit first.
 */
import type { RefusalDetail, TurnRefusalRecord } from '../../contract/turn-refusal.ts';
import { formatEndpoint, formatIp } from '../../kit/ip-address.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import type { Endpoint } from '../codec/attributes.ts';
import type { ClientRef } from './endpoints.ts';
import type { PeerDecision } from './peer-policy.ts';

export const JOURNAL_ENTRIES = 64;
/** Longer names are cut: an honest one has at most 108 characters (REST) or a few more (v1). */
const MAX_USERNAME_CHARACTERS = 128;
/** Neither strangers nor a client that sends on to a refused peer may push all other refusals out. */
const FLOOD_LIMIT = { perSecond: 0.2, burst: 16 };
/** The fixed keys of the rate limit: who could flood the journal for free. */
const SOURCES = ['stranger', 'data-path'] as const;
export type FloodSource = (typeof SOURCES)[number];

export class RefusalJournal {
  readonly #ring: TurnRefusalRecord[] = [];
  #next = 0;
  readonly #floods = new RateLimiter(FLOOD_LIMIT, { maxKeys: SOURCES.length });

  /** Whether what this source causes may be written now; asked before an entry is even made. */
  accepts(source: FloodSource, nowMs: number): boolean {
    return this.#floods.take(source, nowMs) === 0;
  }

  add(entry: {
    nowMs: number;
    method: string;
    code: number;
    client: ClientRef;
    username: string | undefined;
    detail: RefusalDetail;
  }): void {
    const { nowMs, method, code, client, username, detail } = entry;
    this.#ring[this.#next] = {
      atMs: nowMs,
      method,
      code,
      client: formatEndpoint(client.address, client.port),
      username: username === undefined ? null : printableName(username),
      detail,
    };
    this.#next = (this.#next + 1) % JOURNAL_ENTRIES;
  }

  /** Newest first. */
  list(): TurnRefusalRecord[] {
    const older = this.#ring.slice(this.#next);
    return [...older, ...this.#ring.slice(0, this.#next)].reverse();
  }
}

/** A refused peer as a client wrote it; port 0 is how CreatePermission names none. */
export function peerNotAllowed(
  peer: Endpoint,
  decision: Extract<PeerDecision, { allowed: false }>,
): RefusalDetail {
  const address = formatIp(peer.address);
  return {
    reason: 'peer-not-allowed',
    peer: peer.port === 0 ? address : formatEndpoint(address, peer.port),
    policyReason: decision.reason,
  };
}

/** A name that anybody may have sent, safe to show: no control or direction characters, not endless. */
function printableName(username: string): string {
  return username.slice(0, MAX_USERNAME_CHARACTERS).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?');
}
