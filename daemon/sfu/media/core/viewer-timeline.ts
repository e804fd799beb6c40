/**
 * The RTP timeline of one viewer's SSRC: source timestamp plus an offset, on the source's clock. It goes on over
 * every change of source, pause and burst, and each frame is later than the one before. Sans-IO.
 */
import type { MediaPacket } from './media-packet.ts';
import type { SourceClock } from './source-clock.ts';

/** Smallest step between two frames. */
const MIN_STEP = 90;

export class ViewerTimeline {
  readonly #randomStart: () => number;
  #clock: SourceClock | undefined;
  #offset = 0;
  #last: number | undefined;
  /** Source timestamp of the frame being sent, NaN to start a new one with the next packet. */
  #frame = NaN;

  /** @param randomStart gives the first timestamp. */
  constructor(randomStart: () => number) {
    this.#randomStart = randomStart;
  }

  /** The line at `nowMs`, for sender reports; undefined before it began. */
  at(nowMs: number): number | undefined {
    return this.#clock === undefined ? undefined : this.#clock.at(nowMs) + this.#offset;
  }

  follows(clock: SourceClock): boolean {
    return this.#clock === clock;
  }

  /** The next packet begins a frame, whatever its timestamp. */
  newFrame(): void {
    this.#frame = NaN;
  }

  /** Takes over another clock: our line goes on where the old one would be now. */
  anchor(clock: SourceClock | undefined, nowMs: number): void {
    if (clock === undefined || clock === this.#clock) return;
    const now = this.at(nowMs) ?? this.#randomStart();
    this.#clock = clock;
    this.#offset = Math.round(now - clock.at(nowMs));
    this.#frame = NaN;
  }

  /** Timestamp of a picture's packet: one per frame, taken when its first packet leaves. */
  ofVideo(packet: MediaPacket, isLive: boolean, nowMs: number): number {
    this.anchor(packet.clock, nowMs);
    return packet.timestamp === this.#frame && this.#last !== undefined
      ? this.#last
      : this.ofFrame(packet.timestamp, isLive, nowMs);
  }

  /** Timestamp for a new frame: its own when live, else the send clock's; strictly greater than the last one. */
  ofFrame(frame: number, isLive: boolean, nowMs: number): number {
    const own = (isLive ? frame : (this.#clock?.at(nowMs) ?? frame)) + this.#offset;
    const last = this.#last;
    const timestamp = Math.round(last === undefined ? own : Math.max(own, last + MIN_STEP));
    this.#frame = frame;
    this.#last = timestamp;
    return timestamp;
  }

  /** @param isRestart what came before has no place in the count any more. */
  ofAudio(packet: MediaPacket, isRestart: boolean): number {
    if (isRestart) {
      const last = this.#last ?? -1;
      if (packet.timestamp + this.#offset <= last) this.#offset = last + 1 - packet.timestamp;
    }
    const timestamp = packet.timestamp + this.#offset;
    if (this.#last === undefined || timestamp > this.#last) this.#last = timestamp;
    return timestamp;
  }
}
