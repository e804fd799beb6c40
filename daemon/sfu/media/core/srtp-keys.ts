/**
 * Session keys of one direction of a DTLS-SRTP association: the AES-CM pseudo-random function of RFC 3711
 * section 4.3 with a key derivation rate of zero. Keys leave as KeyObjects: on Node 24 a raw buffer is
 * converted on every cipher, which doubles the cost of a packet.
 */
import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { SealKeys } from '../../../datagrams/sealed-flow.ts';
import type { SrtpProfile } from './types.ts';

/** The raw keys, for code outside of `node:crypto`; the buffers are the caller's, to be wiped after use. */
export function exportKeys(profile: SrtpProfile, { cipherKey, salt, authKey }: SessionKeys): SealKeys {
  return { profile, cipherKey: cipherKey.export(), salt: Buffer.from(salt), authKey: authKey.export() };
}

export function wipeKeys(keys: SealKeys): void {
  keys.cipherKey.fill(0);
  keys.salt.fill(0);
  keys.authKey.fill(0);
}

export type SessionKeys = {
  cipherKey: KeyObject;
  /** 12 bytes for GCM, 14 for AES-CM. */
  salt: Buffer;
  /** HMAC-SHA1 key; unused by GCM. */
  authKey: KeyObject;
};

/** Labels of RFC 3711 section 4.3.1 and 4.3.2. */
const LABELS = {
  rtp: { cipher: 0, auth: 1, salt: 2 },
  rtcp: { cipher: 3, auth: 4, salt: 5 },
} as const;

/** Length of the master salt of a profile (RFC 3711 section 5.1, RFC 7714 section 12). */
export function masterSaltBytes(profile: SrtpProfile): number {
  return profile === 'AEAD_AES_128_GCM' ? 12 : 14;
}

/**
 * Derives `bytes` bytes for a label (RFC 3711 section 4.3.3). A 96 bit salt is padded on the right
 * (RFC 7714 section 11).
 */
export function deriveKey(masterKey: Buffer, masterSalt: Buffer, label: number, bytes: number): Buffer {
  const counter = Buffer.alloc(16);
  masterSalt.copy(counter, 0, 0, 14);
  counter.writeUInt8(counter.readUInt8(7) ^ label, 7);
  return createCipheriv('aes-128-ctr', masterKey, counter).update(Buffer.alloc(bytes));
}

/**
 * Session keys for SRTP or SRTCP.
 * @throws RangeError when the master key or salt has the wrong length for the profile.
 */
export function deriveSessionKeys(
  profile: SrtpProfile,
  master: { key: Buffer; salt: Buffer },
  use: keyof typeof LABELS,
): SessionKeys {
  const saltBytes = masterSaltBytes(profile);
  if (master.key.length !== 16 || master.salt.length !== saltBytes) {
    throw new RangeError(`${profile} needs a master key of 16 bytes and a salt of ${String(saltBytes)}`);
  }
  const labels = LABELS[use];
  return {
    cipherKey: createSecretKey(deriveKey(master.key, master.salt, labels.cipher, 16)),
    salt: deriveKey(master.key, master.salt, labels.salt, saltBytes),
    authKey: createSecretKey(deriveKey(master.key, master.salt, labels.auth, 20)),
  };
}
