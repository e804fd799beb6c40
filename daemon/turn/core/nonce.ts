/**
 * Stateless nonces: the time of issue and an HMAC over it and the client's five-tuple, so that a 401
 * costs no memory and a nonce is worth nothing to another client. Each begins with the nonce cookie of
 * RFC 8489 section 9.2, so that a client sees when PASSWORD-ALGORITHMS was taken out of the answer.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { NONCE_COOKIE } from '../codec/password-algorithms.ts';
import type { ClientRef } from './endpoints.ts';

/** RFC 8489 section 9.2 asks for at most an hour. */
export const NONCE_LIFETIME_MS = 600_000;
const MAC_BYTES = 12;
const NONCE = /^([0-9a-z]{1,11})\.([A-Za-z0-9_-]{16})$/;

export class NonceIssuer {
  readonly #key: Buffer;

  /** @param key 32 random bytes of this process. */
  constructor(key: Buffer) {
    this.#key = key;
  }

  issue(client: ClientRef, nowMs: number): string {
    const issued = Math.floor(nowMs / 1000).toString(36);
    return `${NONCE_COOKIE}${issued}.${this.#mac(issued, client).toString('base64url')}`;
  }

  /** True when this process issued the nonce to this client at most `NONCE_LIFETIME_MS` ago. */
  isFresh(nonce: string, client: ClientRef, nowMs: number): boolean {
    if (!nonce.startsWith(NONCE_COOKIE)) return false;
    const match = NONCE.exec(nonce.slice(NONCE_COOKIE.length));
    if (match === null) return false;
    const [, issued = '', mac = ''] = match;
    const given = Buffer.from(mac, 'base64url');
    const expected = this.#mac(issued, client);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    const ageMs = nowMs - parseInt(issued, 36) * 1000;
    return ageMs >= -1000 && ageMs <= NONCE_LIFETIME_MS;
  }

  #mac(issued: string, client: ClientRef): Buffer {
    return createHmac('sha256', this.#key)
      .update(`${issued}|${String(client.listener)}|${client.address}|${String(client.port)}`)
      .digest()
      .subarray(0, MAC_BYTES);
  }
}
