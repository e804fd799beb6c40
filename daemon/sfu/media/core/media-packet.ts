/** One RTP packet of a source after decryption: parsed once, shared by the cache and all viewers' rings. */
import type { SourceClock } from './source-clock.ts';

export type MediaPacket = {
  /** Without padding, never changed. */
  readonly payload: Buffer;
  readonly marker: boolean;
  /** What its header says for viewers too; undefined when nothing. Never changed. */
  readonly element: Buffer | undefined;
  /** Extended: counts on over 65535. */
  readonly sequence: number;
  /** Extended timestamp on `clock`. */
  readonly timestamp: number;
  readonly clock: SourceClock;
  /** When it left the receive window, in order. */
  readonly releasedMs: number;
  readonly isFrameStart: boolean;
  /** Bits of codec-facts.ts. */
  readonly facts: number;
};
