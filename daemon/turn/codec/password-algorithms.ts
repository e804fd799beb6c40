/**
 * The negotiation of the long-term key's hash: PASSWORD-ALGORITHMS, PASSWORD-ALGORITHM and the nonce
 * cookie that tells a client what an attacker may have taken out of the answer (RFC 8489 sections 9.2,
 * 14.11, 14.12 and 18.1).
 */
import { ATTRIBUTE } from './attribute-types.ts';
import type { PasswordAlgorithm } from './message-integrity.ts';
import type { StunAttribute } from './stun-message.ts';

const NUMBERS: Readonly<Record<PasswordAlgorithm, number>> = { md5: 0x0001, sha256: 0x0002 };
/** What we offer, the one we like best first. */
const OFFER: readonly PasswordAlgorithm[] = ['sha256', 'md5'];
/** Neither algorithm has parameters: number and a length of zero. */
const ENTRY_BYTES = 4;

const COOKIE = 'obMatJos2';
/** Bit 0 of the 24 security features, the most significant one. */
const PASSWORD_ALGORITHMS_BIT = 0x80;
const FEATURES = /^[A-Za-z0-9+/]{4}/;

/** What a nonce begins with when its answer carries PASSWORD-ALGORITHMS. */
export const NONCE_COOKIE = `${COOKIE}${Buffer.from([PASSWORD_ALGORITHMS_BIT, 0, 0]).toString('base64')}`;

/** Whether a nonce says that PASSWORD-ALGORITHMS was sent with it. */
export function announcesPasswordAlgorithms(nonce: string): boolean {
  if (!nonce.startsWith(COOKIE)) return false;
  const [features] = FEATURES.exec(nonce.slice(COOKIE.length)) ?? [];
  const first = features === undefined ? undefined : Buffer.from(features, 'base64')[0];
  return first !== undefined && (first & PASSWORD_ALGORITHMS_BIT) !== 0;
}

/** The value of our PASSWORD-ALGORITHMS: a client sends it back as it came. */
const OFFER_VALUE = Buffer.concat(OFFER.map(entry));

export function passwordAlgorithms(): StunAttribute {
  return { type: ATTRIBUTE.PASSWORD_ALGORITHMS, value: OFFER_VALUE };
}

export function passwordAlgorithm(algorithm: PasswordAlgorithm): StunAttribute {
  return { type: ATTRIBUTE.PASSWORD_ALGORITHM, value: entry(algorithm) };
}

/**
 * The algorithm a request is to be checked with (RFC 8489 section 9.2.4).
 * @param chosen value of PASSWORD-ALGORITHM. @param list value of PASSWORD-ALGORITHMS.
 * @returns MD5 for a client that knows neither, undefined when they are not an echo of our offer: on
 * the way to the client somebody changed it.
 */
export function negotiatedAlgorithm(
  chosen: Buffer | undefined,
  list: Buffer | undefined,
): PasswordAlgorithm | undefined {
  if (chosen === undefined && list === undefined) return 'md5';
  if (chosen === undefined || list?.equals(OFFER_VALUE) !== true) return undefined;
  return OFFER.find((algorithm) => chosen.equals(entry(algorithm)));
}

/**
 * The client's choice: the first entry of a server's list it knows (RFC 8489 section 9.2.5).
 * @returns undefined for a malformed list or one without a known algorithm.
 */
export function chooseAlgorithm(list: Buffer): PasswordAlgorithm | undefined {
  let chosen: PasswordAlgorithm | undefined;
  for (let at = 0; at < list.length;) {
    if (at + ENTRY_BYTES > list.length) return undefined;
    const number = list.readUInt16BE(at);
    const parameterBytes = list.readUInt16BE(at + 2);
    chosen ??= OFFER.find((algorithm) => NUMBERS[algorithm] === number && parameterBytes === 0);
    at += ENTRY_BYTES + ((parameterBytes + 3) & ~3);
    if (at > list.length) return undefined;
  }
  return chosen;
}

function entry(algorithm: PasswordAlgorithm): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.writeUInt16BE(NUMBERS[algorithm]);
  return bytes;
}
