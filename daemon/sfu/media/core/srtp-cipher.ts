/**
 * The two SRTP transforms as pure functions of (packet, SSRC, index): AEAD_AES_128_GCM (RFC 7714) and
 * AES_CM_128_HMAC_SHA1_80 (RFC 3711). No state but keys: index, replay and SSRC tables live in the
 * contexts. Opening returns undefined when the packet is not authentic; nothing here throws on input.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import type { SessionKeys } from './srtp-keys.ts';
import type { SrtpProfile } from './types.ts';

/** E flag of the SRTCP index word (RFC 3711 section 3.4). */
const ENCRYPTED = 0x8000_0000;
const GCM_TAG_BYTES = 16;
const SHA1_TAG_BYTES = 10;
/** Part of an RTCP packet that stays in clear: the first header and the sender's SSRC. */
const RTCP_CLEAR_BYTES = 8;

export interface SrtpCipher {
  /** What protection adds to an RTP packet. */
  readonly rtpOverheadBytes: number;
  /** What protection adds to an RTCP compound packet. */
  readonly rtcpOverheadBytes: number;
  /**
   * Protects a packet whose header is already in `out` and whose payload is `payload`.
   * @param header a view of `out` from 0 to the end of the header.
   * @returns the length of the protected packet in `out`, which must have room for it.
   */
  sealRtp(out: Buffer, header: Buffer, payload: Buffer, ssrc: number, index: number): number;
  /**
   * @returns the payload in a buffer of its own, or undefined. `packet` must be longer than header + overhead, and may
   * be overwritten.
   */
  openRtp(packet: Buffer, headerBytes: number, ssrc: number, index: number): Buffer | undefined;
  /** Protects a compound packet. @returns a new buffer. */
  sealRtcp(packet: Buffer, index: number): Buffer;
  /** Index word of a protected packet that is at least 8 + overhead bytes long. */
  rtcpIndex(packet: Buffer): number;
  /** @returns the compound packet, maybe in the bytes of `packet`, which may be overwritten; or undefined. */
  openRtcp(packet: Buffer): Buffer | undefined;
  /** Forgets what it keeps outside of JavaScript. Nothing else is called afterwards. */
  close(): void;
}

/** Makes the cipher of one direction: of what comes in, or of what goes out. */
export type SrtpCipherFactory = (
  profile: SrtpProfile,
  rtp: SessionKeys,
  rtcp: SessionKeys,
  direction: 'in' | 'out',
) => SrtpCipher;

export function createSrtpCipher(profile: SrtpProfile, rtp: SessionKeys, rtcp: SessionKeys): SrtpCipher {
  return profile === 'AEAD_AES_128_GCM' ? new GcmCipher(rtp, rtcp) : new CounterModeCipher(rtp, rtcp);
}

class GcmCipher implements SrtpCipher {
  readonly rtpOverheadBytes = GCM_TAG_BYTES;
  readonly rtcpOverheadBytes = GCM_TAG_BYTES + 4;
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #iv = Buffer.alloc(12);
  readonly #ivView = new DataView(this.#iv.buffer, this.#iv.byteOffset, 12);
  readonly #rtpSalt: SaltWords;
  readonly #rtcpSalt: SaltWords;

  constructor(rtp: SessionKeys, rtcp: SessionKeys) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#rtpSalt = saltWords(rtp.salt);
    this.#rtcpSalt = saltWords(rtcp.salt);
  }

  sealRtp(out: Buffer, header: Buffer, payload: Buffer, ssrc: number, index: number): number {
    this.#setIv(this.#rtpSalt, ssrc, index);
    const cipher = createCipheriv('aes-128-gcm', this.#rtp.cipherKey, this.#iv);
    cipher.setAAD(header);
    const sealed = cipher.update(payload);
    cipher.final();
    out.set(sealed, header.length);
    const end = header.length + sealed.length;
    out.set(cipher.getAuthTag(), end);
    return end + GCM_TAG_BYTES;
  }

  openRtp(packet: Buffer, headerBytes: number, ssrc: number, index: number): Buffer | undefined {
    this.#setIv(this.#rtpSalt, ssrc, index);
    const end = packet.length - GCM_TAG_BYTES;
    const decipher = createDecipheriv('aes-128-gcm', this.#rtp.cipherKey, this.#iv);
    decipher.setAAD(packet.subarray(0, headerBytes));
    decipher.setAuthTag(packet.subarray(end));
    const payload = decipher.update(packet.subarray(headerBytes, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return payload;
  }

  sealRtcp(packet: Buffer, index: number): Buffer {
    const out = Buffer.allocUnsafe(packet.length + this.rtcpOverheadBytes);
    const word = (ENCRYPTED | index) >>> 0;
    out.writeUInt32BE(word, out.length - 4);
    packet.copy(out, 0, 0, RTCP_CLEAR_BYTES);
    this.#setIv(this.#rtcpSalt, packet.readUInt32BE(4), index);
    const cipher = createCipheriv('aes-128-gcm', this.#rtcp.cipherKey, this.#iv);
    cipher.setAAD(Buffer.concat([packet.subarray(0, RTCP_CLEAR_BYTES), out.subarray(out.length - 4)]));
    cipher.update(packet.subarray(RTCP_CLEAR_BYTES)).copy(out, RTCP_CLEAR_BYTES);
    cipher.final();
    cipher.getAuthTag().copy(out, packet.length);
    return out;
  }

  rtcpIndex(packet: Buffer): number {
    return packet.readUInt32BE(packet.length - 4) & 0x7fff_ffff;
  }

  openRtcp(packet: Buffer): Buffer | undefined {
    const indexAt = packet.length - 4;
    const tagAt = indexAt - GCM_TAG_BYTES;
    const word = packet.readUInt32BE(indexAt);
    const encrypted = word >= ENCRYPTED;
    // RFC 7714 section 9.3: without the E flag the whole packet is associated data.
    const clearBytes = encrypted ? RTCP_CLEAR_BYTES : tagAt;
    this.#setIv(this.#rtcpSalt, packet.readUInt32BE(4), word & 0x7fff_ffff);
    const decipher = createDecipheriv('aes-128-gcm', this.#rtcp.cipherKey, this.#iv);
    decipher.setAAD(Buffer.concat([packet.subarray(0, clearBytes), packet.subarray(indexAt)]));
    decipher.setAuthTag(packet.subarray(tagAt, indexAt));
    const rest = decipher.update(packet.subarray(clearBytes, tagAt));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return Buffer.concat([packet.subarray(0, clearBytes), rest]);
  }

  close(): void {
    // Key objects are collected.
  }

  /** RFC 7714 sections 8.1 and 9.1: both ivs are salt xor (0, SSRC, 48 bit index). */
  #setIv(salt: SaltWords, ssrc: number, index: number): void {
    const high = Math.floor(index / 0x1_0000_0000);
    this.#ivView.setUint16(0, salt.first);
    this.#ivView.setUint32(2, salt.ssrc ^ ssrc);
    this.#ivView.setUint16(6, salt.high ^ high);
    this.#ivView.setUint32(8, salt.low ^ index);
  }
}

/** The salt cut at the fields it is combined with. */
type SaltWords = { first: number; ssrc: number; high: number; low: number };

function saltWords(salt: Buffer): SaltWords {
  return {
    first: salt.readUInt16BE(0),
    ssrc: salt.readUInt32BE(2),
    high: salt.readUInt16BE(6),
    low: salt.readUInt32BE(8),
  };
}

class CounterModeCipher implements SrtpCipher {
  readonly rtpOverheadBytes = SHA1_TAG_BYTES;
  readonly rtcpOverheadBytes = SHA1_TAG_BYTES + 4;
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #iv = Buffer.alloc(16);
  readonly #rolloverCounter = Buffer.alloc(4);

  constructor(rtp: SessionKeys, rtcp: SessionKeys) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
  }

  sealRtp(out: Buffer, header: Buffer, payload: Buffer, ssrc: number, index: number): number {
    this.#setIv(this.#rtp.salt, ssrc, index);
    const sealed = createCipheriv('aes-128-ctr', this.#rtp.cipherKey, this.#iv).update(payload);
    out.set(sealed, header.length);
    const end = header.length + sealed.length;
    const tag = createHmac('sha1', this.#rtp.authKey)
      .update(header)
      .update(sealed)
      .update(this.#rollover(index))
      .digest();
    tag.copy(out, end, 0, SHA1_TAG_BYTES);
    return end + SHA1_TAG_BYTES;
  }

  openRtp(packet: Buffer, headerBytes: number, ssrc: number, index: number): Buffer | undefined {
    const end = packet.length - SHA1_TAG_BYTES;
    const tag = createHmac('sha1', this.#rtp.authKey)
      .update(packet.subarray(0, end))
      .update(this.#rollover(index))
      .digest();
    if (!timingSafeEqual(tag.subarray(0, SHA1_TAG_BYTES), packet.subarray(end))) return undefined;
    this.#setIv(this.#rtp.salt, ssrc, index);
    return createCipheriv('aes-128-ctr', this.#rtp.cipherKey, this.#iv).update(
      packet.subarray(headerBytes, end),
    );
  }

  sealRtcp(packet: Buffer, index: number): Buffer {
    const out = Buffer.allocUnsafe(packet.length + this.rtcpOverheadBytes);
    packet.copy(out, 0, 0, RTCP_CLEAR_BYTES);
    this.#setIv(this.#rtcp.salt, packet.readUInt32BE(4), index);
    createCipheriv('aes-128-ctr', this.#rtcp.cipherKey, this.#iv)
      .update(packet.subarray(RTCP_CLEAR_BYTES))
      .copy(out, RTCP_CLEAR_BYTES);
    out.writeUInt32BE((ENCRYPTED | index) >>> 0, packet.length);
    const authenticated = out.subarray(0, packet.length + 4);
    const tag = createHmac('sha1', this.#rtcp.authKey).update(authenticated).digest();
    tag.copy(out, packet.length + 4, 0, SHA1_TAG_BYTES);
    return out;
  }

  rtcpIndex(packet: Buffer): number {
    return packet.readUInt32BE(packet.length - SHA1_TAG_BYTES - 4) & 0x7fff_ffff;
  }

  openRtcp(packet: Buffer): Buffer | undefined {
    const tagAt = packet.length - SHA1_TAG_BYTES;
    const indexAt = tagAt - 4;
    const tag = createHmac('sha1', this.#rtcp.authKey).update(packet.subarray(0, tagAt)).digest();
    if (!timingSafeEqual(tag.subarray(0, SHA1_TAG_BYTES), packet.subarray(tagAt))) return undefined;
    const word = packet.readUInt32BE(indexAt);
    if (word < ENCRYPTED) return Buffer.from(packet.subarray(0, indexAt));
    this.#setIv(this.#rtcp.salt, packet.readUInt32BE(4), word & 0x7fff_ffff);
    const rest = createCipheriv('aes-128-ctr', this.#rtcp.cipherKey, this.#iv).update(
      packet.subarray(RTCP_CLEAR_BYTES, indexAt),
    );
    return Buffer.concat([packet.subarray(0, RTCP_CLEAR_BYTES), rest]);
  }

  close(): void {
    // Key objects are collected.
  }

  /** RFC 3711 section 4.1.1: IV = (salt * 2^16) xor (SSRC * 2^64) xor (index * 2^16). */
  #setIv(salt: Buffer, ssrc: number, index: number): void {
    const iv = this.#iv;
    salt.copy(iv, 0, 0, 14);
    iv.writeUInt32BE((iv.readUInt32BE(4) ^ ssrc) >>> 0, 4);
    iv.writeUInt16BE(iv.readUInt16BE(8) ^ Math.floor(index / 0x1_0000_0000), 8);
    iv.writeUInt32BE((iv.readUInt32BE(10) ^ index) >>> 0, 10);
    iv.writeUInt16BE(0, 14);
  }

  #rollover(index: number): Buffer {
    this.#rolloverCounter.writeUInt32BE(Math.floor(index / 0x1_0000) >>> 0, 0);
    return this.#rolloverCounter;
  }
}
