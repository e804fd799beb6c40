/**
 * Both directions of one DTLS-SRTP association: index estimate and replay protection for what comes in
 * (RFC 3711 section 3.3), SRTCP indexes for what goes out. State per SSRC exists only after a packet of
 * it was authentic, and is bounded.
 */
import type { SealKeys } from '../../../datagrams/sealed-flow.ts';
import { deriveSessionKeys, exportKeys, type SessionKeys } from './srtp-keys.ts';
import { createSrtpCipher, type SrtpCipher, type SrtpCipherFactory } from './srtp-cipher.ts';
import { ReplayWindow } from './replay-window.ts';
import type { SrtpProfile } from './types.ts';

/** SSRCs a peer may use towards us; two per track and some spare. */
export const MAX_SSRCS_PER_PEER = 256;
/** Packets that may be late: 3.6 s of a 2.5 Mbit/s camera. RFC 3711 asks for at least 64. */
export const REPLAY_WINDOW_PACKETS = 1024;
/** Highest SRTCP index (31 bits). */
const MAX_SRTCP_INDEX = 0x7fff_ffff;

export type SrtpFailure = 'srtp-short' | 'srtp-replayed' | 'srtp-not-authentic' | 'srtp-too-many-ssrcs';

/** What we unprotect: the far end's packets. */
export class SrtpReceiver {
  readonly #cipher: SrtpCipher;
  readonly #rtp = new Map<number, ReplayWindow>();
  readonly #rtcp = new Map<number, ReplayWindow>();

  /** @throws RangeError on keys of the wrong length. */
  constructor(
    profile: SrtpProfile,
    master: { key: Buffer; salt: Buffer },
    createCipher: SrtpCipherFactory = createSrtpCipher,
  ) {
    this.#cipher = createCipher(
      profile,
      deriveSessionKeys(profile, master, 'rtp'),
      deriveSessionKeys(profile, master, 'rtcp'),
      'in',
    );
  }

  close(): void {
    this.#cipher.close();
  }

  /** SSRCs with state, RTP and RTCP together: at most twice MAX_SSRCS_PER_PEER. */
  get ssrcCount(): number {
    return this.#rtp.size + this.#rtcp.size;
  }

  /**
   * @param headerBytes length of the RTP header with CSRCs and extension, as parsed.
   * @returns the decrypted payload, padding included, in a buffer of its own; or why not.
   */
  unprotectRtp(
    packet: Buffer,
    headerBytes: number,
    ssrc: number,
    sequenceNumber: number,
  ): Buffer | SrtpFailure {
    if (packet.length < headerBytes + this.#cipher.rtpOverheadBytes) return 'srtp-short';
    const known = this.#rtp.get(ssrc);
    if (known === undefined && this.#rtp.size >= MAX_SSRCS_PER_PEER) return 'srtp-too-many-ssrcs';
    const index = known === undefined ? sequenceNumber : estimateIndex(known.highest, sequenceNumber);
    if (index < 0 || known?.has(index) === true) return 'srtp-replayed';
    const payload = this.#cipher.openRtp(packet, headerBytes, ssrc, index);
    if (payload === undefined) return 'srtp-not-authentic';
    const window = known ?? new ReplayWindow(REPLAY_WINDOW_PACKETS);
    if (known === undefined) this.#rtp.set(ssrc, window);
    window.add(index);
    return payload;
  }

  /** @returns the compound packet, maybe in the bytes of `packet`; or why not. */
  unprotectRtcp(packet: Buffer): Buffer | SrtpFailure {
    if (packet.length < 8 + this.#cipher.rtcpOverheadBytes) return 'srtp-short';
    const ssrc = packet.readUInt32BE(4);
    const known = this.#rtcp.get(ssrc);
    if (known === undefined && this.#rtcp.size >= MAX_SSRCS_PER_PEER) return 'srtp-too-many-ssrcs';
    const index = this.#cipher.rtcpIndex(packet);
    if (known?.has(index) === true) return 'srtp-replayed';
    const compound = this.#cipher.openRtcp(packet);
    if (compound === undefined) return 'srtp-not-authentic';
    const window = known ?? new ReplayWindow(REPLAY_WINDOW_PACKETS);
    if (known === undefined) this.#rtcp.set(ssrc, window);
    window.add(index);
    return compound;
  }
}

/** What we protect. RTP indexes belong to the downlinks, which count them without gaps. */
export class SrtpSender {
  readonly #profile: SrtpProfile;
  readonly #keys: SessionKeys;
  readonly #cipher: SrtpCipher;
  #rtcpIndex = 0;

  /** @throws RangeError on keys of the wrong length. */
  constructor(
    profile: SrtpProfile,
    master: { key: Buffer; salt: Buffer },
    createCipher: SrtpCipherFactory = createSrtpCipher,
  ) {
    this.#profile = profile;
    this.#keys = deriveSessionKeys(profile, master, 'rtp');
    this.#cipher = createCipher(profile, this.#keys, deriveSessionKeys(profile, master, 'rtcp'), 'out');
  }

  close(): void {
    this.#cipher.close();
  }

  /** What protection adds to an RTP packet. */
  get rtpOverheadBytes(): number {
    return this.#cipher.rtpOverheadBytes;
  }

  /** For an engine that protects RTP packets itself; the buffers are the caller's, to be wiped after use. */
  sealKeys(): SealKeys {
    return exportKeys(this.#profile, this.#keys);
  }

  /**
   * Protects the packet that begins in `out`.
   * @param header a view of `out` that ends where the payload begins.
   * @param index 48 bit packet index. One index may be used again only for the very same packet.
   * @returns the protected length.
   */
  protectRtp(out: Buffer, header: Buffer, payload: Buffer, ssrc: number, index: number): number {
    return this.#cipher.sealRtp(out, header, payload, ssrc, index);
  }

  /** Protects a compound packet. @returns undefined when all 2^31 indexes are used up. */
  protectRtcp(packet: Buffer): Buffer | undefined {
    if (this.#rtcpIndex >= MAX_SRTCP_INDEX) return undefined;
    // One counter for all our SSRCs: it grows for each of them, and the SSRC is part of the nonce.
    this.#rtcpIndex += 1;
    return this.#cipher.sealRtcp(packet, this.#rtcpIndex);
  }
}

/**
 * The packet index a sequence number most likely means (RFC 3711 section 3.3.1 and appendix A).
 * @param highest the highest index that was authentic.
 * @returns a negative number for a packet from before the first one.
 */
export function estimateIndex(highest: number, sequenceNumber: number): number {
  const last = highest % 0x1_0000;
  const base = highest - last;
  if (last < 0x8000) {
    return sequenceNumber - last > 0x8000 ? base - 0x1_0000 + sequenceNumber : base + sequenceNumber;
  }
  return last - 0x8000 > sequenceNumber ? base + 0x1_0000 + sequenceNumber : base + sequenceNumber;
}
