/**
 * RTP packets that are protected (SRTP) on their way out, by the engine that sends them: no buffer, no cipher object
 * and no system call for each. The caller writes a header into the engine's memory; the payload is copied once for
 * all viewers that get the same one.
 */

/** Session keys of one direction (RFC 3711 section 4.3): 16 bytes, 12 for GCM and 14 for AES-CM, 20 bytes. */
export type SealKeys = {
  profile: 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80';
  cipherKey: Buffer;
  salt: Buffer;
  /** HMAC-SHA1 key; unused by GCM. */
  authKey: Buffer;
};

/** Goes out when the turn of the event loop is over, or with what waits. */
export const SOON = 0;
/** May wait some milliseconds for more of its picture, when many packets do. */
export const PATIENT = 1;
/** Ends its picture: goes out when the turn is over, and so does what waits. */
export const PICTURE_END = 2;
export type Pace = typeof SOON | typeof PATIENT | typeof PICTURE_END;

/** Where one association's packets go in. */
export interface SealedOutlet {
  /** The memory that `add` points into. */
  readonly view: DataView;
  /**
   * Queues a packet. The caller writes its RTP header into `view` at once, before any other call.
   * @param isShared The same payload object, with the same bytes, is likely to be added again at once.
   * @param rollover Of the packet's index (RFC 3711 section 3.3.1): a number of 32 bits.
   * @returns where the header of `headerBytes` bytes goes, or -1: the packet cannot go out.
   */
  add(payload: Buffer, isShared: boolean, headerBytes: number, rollover: number, pace: Pace): number;
  /** Forgets the keys; what was added before goes out first. Twice is harmless. */
  close(): void;
}

/** The same for any address. */
export interface SealedFlow {
  readonly view: DataView;
  /** Where the packets go from now on: an IP literal. @returns false when it is none. */
  aim(address: string, port: number): boolean;
  add: SealedOutlet['add'];
  close(): void;
}
