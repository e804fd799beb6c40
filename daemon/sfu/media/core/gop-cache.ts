/**
 * The packets since the last key frame, one list for all viewers, and the rhythm of key frames. A list is
 * replaced, never emptied: a viewer that still sends from an old one keeps it until it is through.
 */
import type { MediaPacket } from './media-packet.ts';

export const MAX_GOP_BYTES = 2 * 1024 * 1024;
/** Hard limit on the age of the first packet; the measured interval sets a lower one. */
export const MAX_GOP_MS = 4000;
/** Bounds the list for senders of tiny packets. */
export const MAX_GOP_PACKETS = 8192;
const INTERVALS = 5;

export type Gop = {
  readonly packets: MediaPacket[];
  readonly startMs: number;
  bytes: number;
  /** False once packets follow that are not in it: it ends here. */
  isGrowing: boolean;
};

export class GopCache {
  readonly #intervals: number[] = [];
  #current: Gop | undefined;
  #keyFrames = 0;
  #lastKeyFrameMs: number | undefined;

  /** The pictures a new viewer can start from, undefined when there are none. */
  get current(): Gop | undefined {
    return this.#current;
  }

  get keyFrames(): number {
    return this.#keyFrames;
  }

  /** Median of the last five intervals, null until one was measured. */
  get intervalMs(): number | null {
    const sorted = [...this.#intervals].sort((a, b) => a - b);
    return sorted[sorted.length >>> 1] ?? null;
  }

  /** Milliseconds until the next key frame by the measured rhythm; negative when it is late. */
  nextKeyFrameInMs(nowMs: number): number | undefined {
    const interval = this.intervalMs;
    if (interval === null || this.#lastKeyFrameMs === undefined) return undefined;
    return this.#lastKeyFrameMs + interval - nowMs;
  }

  /** A key frame begins: its packets are appended next. */
  start(nowMs: number): Gop {
    if (this.#lastKeyFrameMs !== undefined) {
      this.#intervals.push(nowMs - this.#lastKeyFrameMs);
      if (this.#intervals.length > INTERVALS) this.#intervals.shift();
    }
    this.#keyFrames += 1;
    this.#lastKeyFrameMs = nowMs;
    this.#end();
    this.#current = { packets: [], startMs: nowMs, bytes: 0, isGrowing: true };
    return this.#current;
  }

  /** @returns false when the list just outgrew its limits and was given up. */
  append(packet: MediaPacket): boolean {
    const gop = this.#current;
    if (gop === undefined) return true;
    const interval = this.intervalMs;
    const maxMs = interval === null ? MAX_GOP_MS : Math.min(MAX_GOP_MS, interval * 2);
    if (
      gop.bytes + packet.payload.length > MAX_GOP_BYTES ||
      gop.packets.length >= MAX_GOP_PACKETS ||
      packet.releasedMs - gop.startMs > maxMs
    ) {
      this.discard();
      return false;
    }
    gop.packets.push(packet);
    gop.bytes += packet.payload.length;
    return true;
  }

  /** No burst until the next key frame: a hole, a new picture size, a stall. */
  discard(): void {
    this.#end();
    this.#current = undefined;
  }

  /** Forgets the rhythm too: another encoder sends now. */
  reset(): void {
    this.discard();
    this.#intervals.length = 0;
    this.#lastKeyFrameMs = undefined;
  }

  #end(): void {
    if (this.#current !== undefined) this.#current.isGrowing = false;
  }
}

/** Pictures that begin at or after this packet. */
export function framesFrom(gop: Gop | undefined, first: number): number {
  const packets = gop?.packets ?? [];
  let frames = 0;
  for (let at = first; at < packets.length; at += 1) if (packets[at]?.isFrameStart === true) frames += 1;
  return frames;
}
