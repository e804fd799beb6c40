/** The SRTP keys of a finished handshake, out of werift's DTLS socket. Looked at by self-test.ts at start. */
import type { SrtpKeys, SrtpProfile } from './core/types.ts';

const GCM = 0x0007;
const SHA1_80 = 0x0001;
/** SRTP protection profiles (RFC 5764 section 4.1.2, RFC 7714), most wanted first. */
export const SRTP_PROFILES = [GCM, SHA1_80] as const;
const PROFILES: Readonly<Record<number, SrtpProfile>> = {
  [GCM]: 'AEAD_AES_128_GCM',
  [SHA1_80]: 'AES_CM_128_HMAC_SHA1_80',
};
const KEY_BYTES = 16;

/** Of its DTLS transport, and of the DTLS socket inside. */
export type SrtpInsides = {
  startSrtp: () => void;
  dtls: {
    srtp: { srtpProfile?: number };
    extractSessionKeys(
      keyBytes: number,
      saltBytes: number,
    ): Record<'localKey' | 'localSalt' | 'remoteKey' | 'remoteSalt', Buffer>;
  };
};

/** RFC 5764 section 4.2. @throws Error when the profile is none of ours or a key has the wrong size. */
export function srtpKeys({ dtls }: SrtpInsides): SrtpKeys {
  const profile = PROFILES[dtls.srtp.srtpProfile ?? 0];
  if (profile === undefined) throw new Error('no common SRTP profile');
  const saltBytes = profile === 'AEAD_AES_128_GCM' ? 12 : 14;
  const keys = dtls.extractSessionKeys(KEY_BYTES, saltBytes);
  const pair = (key: Buffer, salt: Buffer): { key: Buffer; salt: Buffer } => {
    if (key.length !== KEY_BYTES || salt.length !== saltBytes) throw new Error('SRTP keys have a wrong size');
    return { key: Buffer.from(key), salt: Buffer.from(salt) };
  };
  return {
    profile,
    local: pair(keys.localKey, keys.localSalt),
    remote: pair(keys.remoteKey, keys.remoteSalt),
  };
}
