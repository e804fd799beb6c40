/**
 * Tickets for the signaling socket, so that no lasting credential stands in a URL: single use, 30 s, in
 * memory, bounded. And viewer tokens (seed 002): one camera, many uses until they end, nothing kept.
 */
import type { RoomTicket } from '../contract/signaling.ts';
import { signRoomTicket, verifyRoomTicket } from '../credentials/room-ticket.ts';
import type { Clock } from '../kit/clock.ts';
import { randomToken, sha256Hex } from '../kit/secret.ts';

export const TICKET_MS = 30_000;
/** Far above what people do in 30 s; beyond it the oldest ticket is dropped. */
const MAX_TICKETS = 10_000;
const VIEWER_PREFIX = 'tkv.';

/** Who opens a signaling socket, and for what. */
export type SignalGrant = Pick<RoomTicket, 'namespace' | 'identity' | 'name' | 'role' | 'rooms' | 'may'>;

export class SignalTickets {
  readonly #clock: Clock;
  readonly #tickets = new Map<string, { grant: SignalGrant; expiresAtMs: number }>();
  /** When identities were forgotten, in ms of the epoch: what they got before is worth nothing. */
  readonly #forgotten = new Map<string, number>();
  /** The longest life of a viewer token of this run. */
  #longestViewerMs = 0;
  /** Of this run of the daemon: viewer tokens end with it, and their owners ask again. */
  readonly #viewerKey = randomToken(32);

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock;
  }

  issue(grant: SignalGrant): { ticket: string; expiresAtMs: number } {
    const nowMs = this.#clock.nowMs();
    // Oldest first: all have the same lifetime.
    for (const [hash, { expiresAtMs }] of this.#tickets) {
      if (expiresAtMs > nowMs && this.#tickets.size < MAX_TICKETS) break;
      this.#tickets.delete(hash);
    }
    const ticket = randomToken(32);
    const expiresAtMs = nowMs + TICKET_MS;
    this.#tickets.set(sha256Hex(ticket), { grant, expiresAtMs });
    return { ticket, expiresAtMs };
  }

  /** What the ticket grants; a second call for the same ticket finds nothing. */
  redeem(ticket: string): SignalGrant | undefined {
    const hash = sha256Hex(ticket);
    const found = this.#tickets.get(hash);
    this.#tickets.delete(hash);
    return found !== undefined && found.expiresAtMs > this.#clock.nowMs() ? found.grant : undefined;
  }

  /** Tickets and viewer tokens of an identity end; what it gets later counts. */
  forget(identity: string): void {
    const nowMs = this.#clock.nowMs();
    for (const [hash, { grant }] of this.#tickets)
      if (grant.identity === identity) this.#tickets.delete(hash);
    for (const [known, atMs] of this.#forgotten) {
      if (atMs + this.#longestViewerMs <= nowMs) this.#forgotten.delete(known);
    }
    this.#forgotten.set(identity, nowMs);
  }

  /** A token that opens signaling sessions for its rooms until it ends. */
  issueViewerToken(grant: SignalGrant, ttlSeconds: number): { token: string; expiresAtMs: number } {
    this.#longestViewerMs = Math.max(this.#longestViewerMs, ttlSeconds * 1000);
    const expiresAtMs = this.#clock.nowMs() + ttlSeconds * 1000;
    const signed = signRoomTicket({ ...grant, expiresAtMs }, this.#viewerKey);
    return { token: `${VIEWER_PREFIX}${grant.namespace}.${signed}`, expiresAtMs };
  }

  verifyViewerToken(token: string): SignalGrant | undefined {
    if (!token.startsWith(VIEWER_PREFIX)) return undefined;
    const rest = token.slice(VIEWER_PREFIX.length);
    const dot = rest.indexOf('.');
    const claims = verifyRoomTicket(rest.slice(dot + 1), {
      key: this.#viewerKey,
      namespace: rest.slice(0, dot),
      nowMs: this.#clock.nowMs(),
    });
    if (claims === undefined) return undefined;
    // Issued before, by its end.
    const forgottenAtMs = this.#forgotten.get(claims.identity) ?? -Infinity;
    if (claims.expiresAtMs <= forgottenAtMs + this.#longestViewerMs) return undefined;
    const { namespace, identity, name, role, rooms, may } = claims;
    return { namespace, identity, name, role, rooms, ...(may && { may }) };
  }
}
