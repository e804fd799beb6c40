/**
 * SRTP of single packets by the addon: what comes in, and RTCP both ways. A context keeps the cipher's key schedule,
 * where `node:crypto` makes an object for each packet.
 */
import type { Addon } from './addon-layout.ts';
import type { SealKeys } from './sealed-flow.ts';

/** As native/srtp.h has them. */
export const PROFILES = {
  AEAD_AES_128_GCM: { number: 0, tagBytes: 16 },
  AES_CM_128_HMAC_SHA1_80: { number: 1, tagBytes: 10 },
} as const;

/** The session keys of RTP or of RTCP in one direction. */
export class SrtpContext {
  readonly #addon: Addon;
  readonly #number: number;

  private constructor(addon: Addon, number: number) {
    this.#addon = addon;
    this.#number = number;
  }

  /**
   * @param opens For what comes in; else for what goes out.
   * @returns undefined when there are too many. @throws RangeError on keys of a wrong length.
   */
  static open(addon: Addon, keys: SealKeys, opens: boolean): SrtpContext | undefined {
    const { number } = PROFILES[keys.profile];
    const opened = addon.openContext(number, keys.cipherKey, keys.salt, keys.authKey, opens);
    return opened < 0 ? undefined : new SrtpContext(addon, opened);
  }

  /** Decrypts in place. @returns false when it is not authentic: what was payload is garbage then. */
  openRtp(packet: Buffer, headerBytes: number, rollover: number): boolean {
    return this.#addon.openRtp(this.#number, packet, headerBytes, rollover) === 1;
  }

  /** Decrypts in place. @returns the length of the compound packet, or -1 when it is not authentic. */
  openRtcp(packet: Buffer): number {
    return this.#addon.openRtcp(this.#number, packet);
  }

  /** Protects in place; `packet` has room for tag and index behind the compound packet. @returns false when it could not. */
  sealRtcp(packet: Buffer, index: number): boolean {
    return this.#addon.sealRtcp(this.#number, packet, index) === 1;
  }

  /** Forgets the keys; it refuses everything from then on. Twice is harmless. */
  close(): void {
    this.#addon.closeContext(this.#number);
  }
}
