/**
 * Plays the clip in real time to any number of sessions: one position for all, like an encoder. Runs only
 * while somebody listens. RTP timestamps go on over the loop's end.
 */
import { FRAMES_PER_SECOND } from './picture.ts';
import { h264Payloads } from './packetizer.ts';
import type { AccessUnit } from './clip.ts';

const CLOCK_RATE = 90_000;
/** Leaves room for RTP, SRTP, TURN and UDP headers in 1500 bytes. */
const MAX_PAYLOAD_BYTES = 1150;

/** One picture as RTP payloads; `timestamp` is in 90 kHz ticks since the clock was made. */
export type Picture = { payloads: Buffer[]; timestamp: number; isKeyFrame: boolean };

export class FrameClock {
  readonly #pictures: { payloads: Buffer[]; isKeyFrame: boolean }[];
  readonly #listeners = new Set<(picture: Picture) => void>();
  #timer: NodeJS.Timeout | undefined;
  #position = 0;
  #played = 0;
  #nextAtMs = 0;

  constructor(clip: AccessUnit[]) {
    this.#pictures = clip.map((unit) => ({
      payloads: h264Payloads(unit.nalUnits, MAX_PAYLOAD_BYTES),
      isKeyFrame: unit.isKeyFrame,
    }));
  }

  /** The returned function stops the delivery. The first listener gets the clip from its beginning. */
  listen(listener: (picture: Picture) => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) {
      this.#position = 0;
      this.#nextAtMs = performance.now();
      this.#schedule();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Jumps to the next key frame of the clip, like an encoder that is asked for one. */
  skipToKeyFrame(): void {
    for (let steps = 0; steps < this.#pictures.length; steps += 1) {
      const picture = this.#pictures[this.#position % this.#pictures.length];
      if (picture?.isKeyFrame === true) return;
      this.#position += 1;
    }
  }

  #schedule(): void {
    const waitMs = Math.max(0, this.#nextAtMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#play();
      if (this.#listeners.size > 0) this.#schedule();
    }, waitMs);
  }

  #play(): void {
    const nowMs = performance.now();
    // After a suspended machine: go on from now instead of sending what was missed.
    if (nowMs - this.#nextAtMs > 1000) this.#nextAtMs = nowMs;
    this.#nextAtMs += 1000 / FRAMES_PER_SECOND;
    const picture = this.#pictures[this.#position % this.#pictures.length];
    this.#position += 1;
    const timestamp = this.#played * (CLOCK_RATE / FRAMES_PER_SECOND);
    this.#played += 1;
    if (picture === undefined) return;
    for (const listener of this.#listeners) listener({ ...picture, timestamp });
  }
}
