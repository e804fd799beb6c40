/**
 * What clients were promised, from the answers alone: until when an allocation, a permission, a channel and a
 * reservation are theirs. Knows nothing of the core's own books.
 */
import { ATTRIBUTE } from '../../../turn/codec/attribute-types.ts';
import { readLifetime } from '../../../turn/codec/attributes.ts';
import { attributeOf, type StunMessage } from '../../../turn/codec/stun-message.ts';
import type { Bench, Client } from './harness.ts';

/** RFC 8656 sections 9, 12 and 7.2. */
const PERMISSION_MS = 300_000;
const CHANNEL_MS = 600_000;
const RESERVATION_MS = 30_000;

type Promised = { untilMs: number; peers: Map<string, number>; channels: Map<number, number> };
export type Token = { value: Buffer; username: string; untilMs: number };

export class Promises {
  readonly #sessions = new Map<Client, Promised>();
  tokens: Token[] = [];

  /** A success answer to Allocate. */
  allocated(client: Client, message: StunMessage, username: string, nowMs: number): void {
    this.#sessions.set(client, {
      untilMs: nowMs + secondsOf(message) * 1000,
      peers: new Map(),
      channels: new Map(),
    });
    const value = attributeOf(message, ATTRIBUTE.RESERVATION_TOKEN);
    if (value !== undefined) this.tokens.push({ value, username, untilMs: nowMs + RESERVATION_MS });
  }

  /** A success answer to Refresh: LIFETIME 0 is the end. */
  refreshed(client: Client, message: StunMessage, nowMs: number): void {
    const seconds = secondsOf(message);
    const session = this.#sessions.get(client);
    if (seconds === 0 || session === undefined) this.#sessions.delete(client);
    else session.untilMs = nowMs + seconds * 1000;
  }

  permitted(client: Client, address: string, nowMs: number): void {
    this.#sessions.get(client)?.peers.set(address, nowMs + PERMISSION_MS);
  }

  bound(client: Client, channel: number, address: string, nowMs: number): void {
    this.#sessions.get(client)?.channels.set(channel, nowMs + CHANNEL_MS);
    this.permitted(client, address, nowMs);
  }

  ended(client: Client): void {
    this.#sessions.delete(client);
  }

  /** Whether the client's session is promised for now. */
  has(client: Client, nowMs: number): boolean {
    return (this.#sessions.get(client)?.untilMs ?? 0) > nowMs;
  }

  /** @returns the first promise that is broken, or undefined. */
  broken({ core, nowMs }: Bench): string | undefined {
    for (const [client, { untilMs, peers, channels }] of this.#sessions) {
      const allocation = core.lookup(client.listener, client.address, client.port);
      const name = `client ${String(client.port)}`;
      if (untilMs <= nowMs) {
        if (allocation?.state === 'open') return `${name} lives longer than promised`;
        this.#sessions.delete(client);
        continue;
      }
      if (allocation?.state !== 'open') return `${name} has lost its allocation`;
      for (const [address, until] of peers) {
        const permitted = allocation.hosts.get(address)?.permitted === true;
        if (permitted !== until > nowMs) return `${name}: permission of ${address}: ${String(permitted)}`;
      }
      for (const [number, until] of channels) {
        if (allocation.channels.has(number) !== until > nowMs) return `${name}: channel ${String(number)}`;
      }
    }
    return undefined;
  }
}

function secondsOf(message: StunMessage): number {
  const value = attributeOf(message, ATTRIBUTE.LIFETIME);
  const seconds = value === undefined ? undefined : readLifetime(value);
  if (seconds === undefined) throw new Error('an answer without LIFETIME');
  return seconds;
}
