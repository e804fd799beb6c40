/**
 * Answers to requests after which there is nothing left to answer from: a Refresh that ended an allocation,
 * or a family of it. A client whose answer was lost asks again and gets the same one (RFC 8489 section
 * 6.3.1), and a copy of the request that comes late does no harm to what the client has allocated since.
 */
import type { ClientRef } from './endpoints.ts';

/** RFC 8489 section 6.3.1: how long a client may go on with one transaction. */
const KEPT_MS = 40_000;
/** About 200 bytes each, and only of users who had an allocation. */
const MAX_ANSWERS = 1024;

export class EndedAnswers {
  /** Oldest first. */
  readonly #answers = new Map<string, { bytes: Buffer; untilMs: number }>();

  get size(): number {
    return this.#answers.size;
  }

  /** Over TCP and TLS nothing is lost and nothing repeated. */
  keep(client: ClientRef, transactionId: Buffer, bytes: Buffer, nowMs: number): void {
    if (client.transport === 'tcp' || client.transport === 'tls') return;
    for (const [key, { untilMs }] of this.#answers) {
      if (untilMs > nowMs && this.#answers.size < MAX_ANSWERS) break;
      this.#answers.delete(key);
    }
    this.#answers.set(keyOf(client, transactionId), { bytes, untilMs: nowMs + KEPT_MS });
  }

  find(client: ClientRef, transactionId: Buffer, nowMs: number): Buffer | undefined {
    if (this.#answers.size === 0) return undefined;
    const kept = this.#answers.get(keyOf(client, transactionId));
    return kept === undefined || kept.untilMs <= nowMs ? undefined : kept.bytes;
  }
}

function keyOf({ listener, address, port }: ClientRef, transactionId: Buffer): string {
  return `${String(listener)} ${address} ${String(port)} ${transactionId.toString('hex')}`;
}
