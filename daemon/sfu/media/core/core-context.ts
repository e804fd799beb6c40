/** What all parts of one core share: events, deadlines, counters, buffers. */
import type { DeadlineQueue } from '../../../kit/deadline-queue.ts';
import type { DropCounter } from '../../../kit/drop-counter.ts';
import type { PacketScratch } from './packet-scratch.ts';
import type { SrtpCipherFactory } from './srtp-cipher.ts';
import type { SrtpFailure } from './srtp-context.ts';
import type { CoreEvents } from './types.ts';

/** Why a datagram or packet went no further. */
export type DropReason =
  | SrtpFailure
  | 'not-rtp'
  | 'not-rtcp'
  | 'no-source'
  | 'bad-padding'
  | 'too-large'
  | 'duplicate'
  | 'too-late'
  | 'bad-rtx'
  | 'awaiting-key-frame'
  | 'before-join'
  /** Of a picture that one viewer's path could not carry. */
  | 'slow-viewer'
  /** Of a spatial layer above the one that a viewer is sent (SVC). */
  | 'upper-layer';

/** Something with one deadline in the core's queue. */
export interface Timed {
  /** Called once its deadline passed. Sets a later one itself when it has more to do. */
  onDeadline(nowMs: number): void;
}

export type CoreContext = {
  readonly events: CoreEvents;
  readonly random: () => number;
  readonly createCipher: SrtpCipherFactory;
  readonly deadlines: DeadlineQueue<Timed>;
  readonly drops: DropCounter<DropReason>;
  /** Sent towards viewers. */
  readonly totals: { packets: number; bytes: number };
  readonly scratch: PacketScratch;
  /** For RTX payloads, which need two bytes in front. */
  readonly retransmissionScratch: PacketScratch;
};

/** A random integer in [0, limit). */
export function randomBelow(context: CoreContext, limit: number): number {
  return Math.floor(context.random() * limit) % limit;
}
