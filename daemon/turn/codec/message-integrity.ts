/**
 * MESSAGE-INTEGRITY (HMAC-SHA1), MESSAGE-INTEGRITY-SHA256 and the long-term key (RFC 8489 sections
 * 14.5, 14.6 and 9.2.2).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** `sha1` is MESSAGE-INTEGRITY, `sha256` MESSAGE-INTEGRITY-SHA256. */
export type IntegrityHash = 'sha1' | 'sha256';
/** How a long-term key is made of the password (RFC 8489 section 18.5). */
export type PasswordAlgorithm = 'md5' | 'sha256';

/**
 * Length of the value by hash. SHA-256 may be cut short only where a usage of STUN says so, and TURN
 * does not.
 */
export const INTEGRITY_BYTES: Readonly<Record<IntegrityHash, number>> = { sha1: 20, sha256: 32 };

/**
 * The HMAC of a message whose integrity attribute stands at `integrityAt`: the length field is taken
 * as if the message ended with that attribute, the bytes are not changed.
 */
export function messageIntegrity(
  bytes: Buffer,
  integrityAt: number,
  key: Buffer,
  hash: IntegrityHash = 'sha1',
): Buffer {
  const head = Buffer.allocUnsafe(4);
  bytes.copy(head, 0, 0, 2);
  head.writeUInt16BE(integrityAt + 4 + INTEGRITY_BYTES[hash] - 20, 2);
  return createHmac(hash, key).update(head).update(bytes.subarray(4, integrityAt)).digest();
}

/** Compares in time that does not depend on where the codes differ. */
export function verifyIntegrity(
  bytes: Buffer,
  integrityAt: number,
  key: Buffer,
  hash: IntegrityHash = 'sha1',
): boolean {
  const given = bytes.subarray(integrityAt + 4, integrityAt + 4 + INTEGRITY_BYTES[hash]);
  return (
    given.length === INTEGRITY_BYTES[hash] &&
    timingSafeEqual(given, messageIntegrity(bytes, integrityAt, key, hash))
  );
}

/**
 * MD5 or SHA-256 of username:realm:password. The passwords of every credential model here are base64
 * text, for which OpaqueString preparation is the identity.
 */
export function longTermKey(
  username: string,
  realm: string,
  password: string,
  algorithm: PasswordAlgorithm = 'md5',
): Buffer {
  return createHash(algorithm).update(`${username}:${realm}:${password}`, 'utf8').digest();
}
