/**
 * STUN messages as bytes (RFC 8489 sections 5 and 14): parsing with bounds before reads, building in
 * one allocation. Parsing returns a value or undefined and never throws.
 */
import { crc32 } from 'node:zlib';
import { ATTRIBUTE } from './attribute-types.ts';
import { INTEGRITY_BYTES, messageIntegrity, type IntegrityHash } from './message-integrity.ts';

export const STUN_HEADER_BYTES = 20;
export const MAGIC_COOKIE = 0x2112a442;
export const TRANSACTION_ID_BYTES = 12;
/** A TURN request has about ten; more is an attempt to make us walk (RFC 8489 sets no bound). */
const MAX_ATTRIBUTES = 64;
const INTEGRITY_TYPES: Readonly<Record<IntegrityHash, number>> = {
  sha1: ATTRIBUTE.MESSAGE_INTEGRITY,
  sha256: ATTRIBUTE.MESSAGE_INTEGRITY_SHA256,
};
const FINGERPRINT_XOR = 0x5354554e;

export type StunClass = 'request' | 'indication' | 'success' | 'error';
const CLASSES: readonly StunClass[] = ['request', 'indication', 'success', 'error'];

/** `value` is a view into the message: copy before keeping. */
export type StunAttribute = { type: number; value: Buffer };

export type StunMessage = {
  class: StunClass;
  method: number;
  /** A view into `bytes`: copy before keeping. */
  transactionId: Buffer;
  bytes: Buffer;
  /** What may be read: everything before the first integrity, or before FINGERPRINT without one. */
  attributes: StunAttribute[];
  /** Offset of MESSAGE-INTEGRITY, or undefined when the message has none. */
  integrityAt: number | undefined;
  /** The same of MESSAGE-INTEGRITY-SHA256. */
  integritySha256At: number | undefined;
  /** A FINGERPRINT was there and right. */
  fingerprint: boolean;
};

/**
 * Parses one whole message. After MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 is read, after that
 * nothing; FINGERPRINT must be last and right (RFC 8489 sections 14.5 to 14.7).
 * @returns undefined when the bytes are not exactly one well-formed STUN message.
 */
export function parseStun(bytes: Buffer): StunMessage | undefined {
  if (bytes.length < STUN_HEADER_BYTES) return undefined;
  const type = bytes.readUInt16BE(0);
  if ((type & 0xc000) !== 0 || bytes.readUInt32BE(4) !== MAGIC_COOKIE) return undefined;
  const length = bytes.readUInt16BE(2);
  if (length % 4 !== 0 || length + STUN_HEADER_BYTES !== bytes.length) return undefined;

  const attributes: StunAttribute[] = [];
  let integrityAt: number | undefined;
  let integritySha256At: number | undefined;
  let fingerprint = false;
  let count = 0;
  for (let at = STUN_HEADER_BYTES; at < bytes.length;) {
    if (fingerprint || count === MAX_ATTRIBUTES || at + 4 > bytes.length) return undefined;
    count += 1;
    const attributeType = bytes.readUInt16BE(at);
    const valueBytes = bytes.readUInt16BE(at + 2);
    const valueAt = at + 4;
    if (valueAt + valueBytes > bytes.length) return undefined;
    if (attributeType === ATTRIBUTE.FINGERPRINT) {
      if (valueBytes !== 4 || bytes.readUInt32BE(valueAt) !== fingerprintOf(bytes.subarray(0, at))) {
        return undefined;
      }
      fingerprint = true;
    } else if (integritySha256At === undefined) {
      if (attributeType === ATTRIBUTE.MESSAGE_INTEGRITY_SHA256) {
        if (valueBytes !== INTEGRITY_BYTES.sha256) return undefined;
        integritySha256At = at;
      } else if (integrityAt !== undefined) {
        // Not covered by the integrity: as if it were not there.
      } else if (attributeType === ATTRIBUTE.MESSAGE_INTEGRITY) {
        if (valueBytes !== INTEGRITY_BYTES.sha1) return undefined;
        integrityAt = at;
      } else {
        attributes.push({ type: attributeType, value: bytes.subarray(valueAt, valueAt + valueBytes) });
      }
    }
    at = valueAt + ((valueBytes + 3) & ~3);
  }
  return {
    class: classOf(type),
    method: (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2),
    transactionId: bytes.subarray(8, STUN_HEADER_BYTES),
    bytes,
    attributes,
    integrityAt,
    integritySha256At,
    fingerprint,
  };
}

/** The value of the first attribute of a type: duplicates are ignored (RFC 8489 section 14). */
export function attributeOf(message: StunMessage, type: number): Buffer | undefined {
  for (const attribute of message.attributes) if (attribute.type === type) return attribute.value;
  return undefined;
}

/** Every value of a type that may occur several times (XOR-PEER-ADDRESS of CreatePermission). */
export function attributesOf(message: StunMessage, type: number): Buffer[] {
  return message.attributes.filter((one) => one.type === type).map((one) => one.value);
}

export type StunHeader = { class: StunClass; method: number; transactionId: Buffer };

/**
 * Builds a message. With `key` it ends in the integrity of `hash` (MESSAGE-INTEGRITY unless told),
 * with `fingerprint` in FINGERPRINT.
 * The caller keeps the attributes below 65,535 bytes in total.
 */
export function buildStun(
  header: StunHeader,
  attributes: readonly StunAttribute[],
  trailer: { key?: Buffer | undefined; hash?: IntegrityHash | undefined; fingerprint?: boolean } = {},
): Buffer {
  const { hash = 'sha1' } = trailer;
  let total = STUN_HEADER_BYTES;
  for (const { value } of attributes) total += 4 + ((value.length + 3) & ~3);
  const integrityAt = total;
  if (trailer.key !== undefined) total += 4 + INTEGRITY_BYTES[hash];
  const fingerprintAt = total;
  if (trailer.fingerprint === true) total += 8;

  const bytes = Buffer.alloc(total); // Zeroed: padding must not leak memory.
  bytes.writeUInt16BE(messageType(header.class, header.method), 0);
  bytes.writeUInt16BE(total - STUN_HEADER_BYTES, 2);
  bytes.writeUInt32BE(MAGIC_COOKIE, 4);
  header.transactionId.copy(bytes, 8, 0, TRANSACTION_ID_BYTES);
  let at = STUN_HEADER_BYTES;
  for (const { type, value } of attributes) {
    bytes.writeUInt16BE(type, at);
    bytes.writeUInt16BE(value.length, at + 2);
    value.copy(bytes, at + 4);
    at += 4 + ((value.length + 3) & ~3);
  }
  if (trailer.key !== undefined) {
    bytes.writeUInt16BE(INTEGRITY_TYPES[hash], integrityAt);
    bytes.writeUInt16BE(INTEGRITY_BYTES[hash], integrityAt + 2);
    messageIntegrity(bytes, integrityAt, trailer.key, hash).copy(bytes, integrityAt + 4);
  }
  if (trailer.fingerprint === true) {
    bytes.writeUInt16BE(ATTRIBUTE.FINGERPRINT, fingerprintAt);
    bytes.writeUInt16BE(4, fingerprintAt + 2);
    bytes.writeUInt32BE(fingerprintOf(bytes.subarray(0, fingerprintAt)), fingerprintAt + 4);
  }
  return bytes;
}

/** The type field: method bits around the two class bits (RFC 8489 figure 3). */
export function messageType(stunClass: StunClass, method: number): number {
  const bits = CLASSES.indexOf(stunClass);
  return (
    (method & 0x000f) |
    ((bits & 1) << 4) |
    ((method & 0x0070) << 1) |
    ((bits & 2) << 7) |
    ((method & 0x0f80) << 2)
  );
}

function classOf(type: number): StunClass {
  return CLASSES[((type & 0x0010) >> 4) | ((type & 0x0100) >> 7)] ?? 'request';
}

/** RFC 8489 section 14.7. The length field already counts FINGERPRINT, which is last. */
function fingerprintOf(before: Buffer): number {
  return (crc32(before) ^ FINGERPRINT_XOR) >>> 0;
}
