/**
 * How far behind a viewer's path is: the delay of its packets above the smallest of the last seconds, and the
 * bytes on the way. What is above the bounds is not to be sent: a path that queues a second of pictures shows
 * them all too late. Sans-IO.
 */

/** How much may be sent. */
export const SEND_ALL = 0;
/** Only pictures that others depend on. */
export const SEND_NEEDED = 1;
/** Nothing before the next key frame. */
export const SEND_NOTHING = 2;

/** A queue this long is filling up; this long, it is too late for what is in it. */
const LONG_MS = 150;
const TOO_LONG_MS = 400;
/** Below this a key frame may go out again. */
const DRAINED_MS = 200;
/** Of one second of packets: then hardly a picture is whole. */
const TOO_LOSSY = 0.5;
const LOSS_WINDOW_MS = 1000;
const LOSS_PACKETS = 50;
/** Bytes on the way when nothing is known of the rate, and the time the rate may be ahead of the feedback. */
const MIN_BYTES_ON_WAY = 512 * 1024;
const MAX_ON_WAY_MS = 1500;
/** The smallest delay is that of the last one to two windows: a route that became longer is no queue for ever. */
const BASE_WINDOW_MS = 10_000;
/** Feedback is at most this old while packets flow; after that the queue empties with the clock. */
const FEEDBACK_MS = 150;
/** A viewer stays called slow for this long after the last picture it was spared. */
const SLOW_MS = 5000;

export class PathQueue {
  #base = Infinity;
  #baseBefore = Infinity;
  #baseStartMs = -Infinity;
  #queueMs = 0;
  #newestQueueMs = 0;
  #lastFeedbackMs = -Infinity;
  #bytesOnWay = 0;
  #arrived = 0;
  #missing = 0;
  #lossStartMs = 0;
  #tooLossyUntilMs = -Infinity;
  #slowSinceMs: number | undefined;
  #lastSparedMs = -Infinity;

  onSent(bytes: number): void {
    this.#bytesOnWay += bytes;
  }

  /** Feedback told of a packet, or it is forgotten. */
  onSettled(bytes: number): void {
    this.#bytesOnWay -= bytes;
  }

  onArrived(sentMs: number, arrivalMs: number): void {
    const delayMs = arrivalMs - sentMs;
    if (arrivalMs - this.#baseStartMs >= BASE_WINDOW_MS) {
      this.#baseBefore = this.#base;
      this.#base = delayMs;
      this.#baseStartMs = arrivalMs;
    } else if (delayMs < this.#base) this.#base = delayMs;
    this.#arrived += 1;
    this.#newestQueueMs = delayMs - Math.min(this.#base, this.#baseBefore);
  }

  onMissing(): void {
    this.#missing += 1;
  }

  onFeedback(nowMs: number): void {
    this.#lastFeedbackMs = nowMs;
    this.#queueMs = this.#newestQueueMs;
    const total = this.#arrived + this.#missing;
    if (total < LOSS_PACKETS || nowMs - this.#lossStartMs < LOSS_WINDOW_MS) return;
    if (this.#missing > total * TOO_LOSSY) this.#tooLossyUntilMs = nowMs + LOSS_WINDOW_MS;
    this.#lossStartMs = nowMs;
    this.#arrived = 0;
    this.#missing = 0;
  }

  /** The receiver's clock began anew. */
  onClockJump(): void {
    this.#base = Infinity;
    this.#baseBefore = Infinity;
    this.#baseStartMs = -Infinity;
    this.#queueMs = 0;
    this.#newestQueueMs = 0;
  }

  /** The queue now: what feedback told last, less what has left it since. */
  queueMs(nowMs: number): number {
    return Math.max(0, this.#queueMs - Math.max(0, nowMs - this.#lastFeedbackMs - FEEDBACK_MS));
  }

  /** @param bitsPerSecond what the path carries, if known. @returns SEND_ALL, SEND_NEEDED or SEND_NOTHING. */
  level(bitsPerSecond: number | undefined, nowMs: number): number {
    // Without feedback nothing can be told, and nothing is held back.
    if (this.#lastFeedbackMs === -Infinity) return SEND_ALL;
    const queueMs = this.queueMs(nowMs);
    const mostBytes = Math.max(MIN_BYTES_ON_WAY, ((bitsPerSecond ?? 0) / 8000) * MAX_ON_WAY_MS);
    if (queueMs > TOO_LONG_MS || nowMs < this.#tooLossyUntilMs || this.#bytesOnWay > mostBytes)
      return SEND_NOTHING;
    return queueMs > LONG_MS ? SEND_NEEDED : SEND_ALL;
  }

  /** Whether a key frame may start the pictures again. */
  isDrained(nowMs: number): boolean {
    return this.queueMs(nowMs) < DRAINED_MS;
  }

  /** A picture was left out for the viewer's sake. */
  onSpared(nowMs: number): void {
    if (nowMs - this.#lastSparedMs > SLOW_MS) this.#slowSinceMs = nowMs;
    this.#lastSparedMs = nowMs;
  }

  /** Since when the viewer cannot follow; undefined when it does. */
  slowSinceMs(nowMs: number): number | undefined {
    return nowMs - this.#lastSparedMs > SLOW_MS ? undefined : this.#slowSinceMs;
  }
}
