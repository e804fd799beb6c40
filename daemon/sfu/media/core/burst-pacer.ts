/**
 * Paces the catching-up of one viewer: a token bucket over all its tracks that are behind, so that a wall
 * of cameras does not overflow the viewer's socket. Five times the bit rate by default: measured to be as
 * good as faster ones on screen, and lossless with stock socket buffers.
 */
import type { CoreContext, Timed } from './core-context.ts';

export const BURST_FACTOR = 5;
export const MIN_BURST_BITS_PER_SECOND = 8_000_000;
export const MAX_BURST_BITS_PER_SECOND = 25_000_000;
/** Tracks of one viewer together may need more than the cap, or they would never catch up. */
const MIN_FACTOR = 1.5;
/** IPv4, UDP and a relay's header: what a packet costs beyond the datagram. */
export const PACKET_OVERHEAD_BYTES = 54;
const STEP_MS = 2;
/** Unused time that may be made up for: a late timer must not slow the burst down. */
const DEPTH_MS = 15;
const FIRST_TOKENS_MS = 5;

/** A track that is behind. */
export interface Bursting {
  /** Bit rate of its source. */
  sourceBitsPerSecond(nowMs: number): number;
  /** Sends the next packet. @returns its bytes on the wire, or 0 when it is no longer behind. */
  burstNext(nowMs: number): number;
}

export class BurstPacer implements Timed {
  readonly #context: CoreContext;
  #tracks: Bursting[] = [];
  #tokens = 0;
  #refilledMs = 0;
  #turn = 0;

  constructor(context: CoreContext) {
    this.#context = context;
  }

  /** Starts with `track`, at once. Adding it twice is harmless. */
  add(track: Bursting, nowMs: number): void {
    if (this.#tracks.includes(track)) return;
    this.#tracks.push(track);
    if (this.#tracks.length === 1) {
      this.#refilledMs = nowMs;
      this.#tokens = (this.#bitsPerSecond(nowMs) / 8000) * FIRST_TOKENS_MS;
    }
    this.onDeadline(nowMs);
  }

  delete(track: Bursting): void {
    this.#tracks = this.#tracks.filter((other) => other !== track);
    if (this.#tracks.length === 0) this.#context.deadlines.delete(this);
  }

  onDeadline(nowMs: number): void {
    const bytesPerMs = this.#bitsPerSecond(nowMs) / 8000;
    const elapsedMs = Math.max(0, nowMs - this.#refilledMs);
    this.#refilledMs = nowMs;
    this.#tokens = Math.min(bytesPerMs * DEPTH_MS, this.#tokens + elapsedMs * bytesPerMs);
    while (this.#tokens > 0) {
      const track = this.#tracks[this.#turn % this.#tracks.length];
      if (track === undefined) break;
      const bytes = track.burstNext(nowMs);
      if (bytes === 0) {
        this.delete(track);
        continue;
      }
      this.#tokens -= bytes + PACKET_OVERHEAD_BYTES;
      this.#turn = (this.#turn + 1) % Math.max(1, this.#tracks.length);
    }
    if (this.#tracks.length === 0) return;
    const waitMs = this.#tokens > 0 ? 0 : -this.#tokens / bytesPerMs;
    this.#context.deadlines.set(this, nowMs + Math.max(STEP_MS, Math.ceil(waitMs)));
  }

  #bitsPerSecond(nowMs: number): number {
    let sum = 0;
    for (const track of this.#tracks) sum += track.sourceBitsPerSecond(nowMs);
    const most = Math.max(MAX_BURST_BITS_PER_SECOND, sum * MIN_FACTOR);
    return Math.min(most, Math.max(MIN_BURST_BITS_PER_SECOND, sum * BURST_FACTOR));
  }
}
