/** MESSAGE-INTEGRITY (HMAC-SHA1) and the long-term key (RFC 8489 sections 14.5 and 9.2.2). */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export const INTEGRITY_BYTES = 20;

/**
 * The HMAC of a message whose MESSAGE-INTEGRITY attribute stands at `integrityAt`: the length field is
 * taken as if the message ended with that attribute, the bytes are not changed.
 */
export function messageIntegrity(bytes: Buffer, integrityAt: number, key: Buffer): Buffer {
  const head = Buffer.allocUnsafe(4);
  bytes.copy(head, 0, 0, 2);
  head.writeUInt16BE(integrityAt + 4 + INTEGRITY_BYTES - 20, 2);
  return createHmac('sha1', key).update(head).update(bytes.subarray(4, integrityAt)).digest();
}

/** Compares in time that does not depend on where the codes differ. */
export function verifyIntegrity(bytes: Buffer, integrityAt: number, key: Buffer): boolean {
  const given = bytes.subarray(integrityAt + 4, integrityAt + 4 + INTEGRITY_BYTES);
  return (
    given.length === INTEGRITY_BYTES && timingSafeEqual(given, messageIntegrity(bytes, integrityAt, key))
  );
}

/**
 * MD5(username:realm:password). The passwords of every credential model here are base64 text, for
 * which OpaqueString preparation is the identity.
 */
export function longTermKey(username: string, realm: string, password: string): Buffer {
  return createHash('md5').update(`${username}:${realm}:${password}`, 'utf8').digest();
}
