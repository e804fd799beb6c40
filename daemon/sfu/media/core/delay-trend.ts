/**
 * Whether a queue grows on the path: the slope of the one-way delay over groups of packets, against a
 * threshold that adapts to the path's own jitter (draft-ietf-rmcat-gcc-02 sections 5.2 to 5.4, with a line
 * fitted through the accumulated delay in place of the Kalman filter). Sans-IO, constant memory.
 */

/** Packets that left within this time are one group: a burst of the sender is no delay of the path. */
const GROUP_MS = 5;
const WINDOW = 20;
const SMOOTHING = 0.9;
const GAIN = 4;
/** The slope counts the more, the longer it has been watched. */
const MAX_WEIGHT = 60;
const FIRST_THRESHOLD = 12.5;
const MIN_THRESHOLD = 6;
const MAX_THRESHOLD = 600;
const GROW = 0.0087;
const SHRINK = 0.039;
/** A spike this far beyond the threshold is a hand-over of the path, not its jitter. */
const MAX_ADAPTED_DISTANCE = 15;
const OVERUSE_MS = 10;
/** A group that comes this late after the one before tells of a pause, not of a queue. */
const MAX_GAP_MS = 2000;

export type PathUse = 'normal' | 'over' | 'under';

type Group = { firstSentMs: number; lastSentMs: number; arrivalMs: number };

export class DelayTrend {
  #group: Group | undefined;
  #before: Group | undefined;
  readonly #x = new Float64Array(WINDOW);
  readonly #y = new Float64Array(WINDOW);
  #count = 0;
  #accumulatedMs = 0;
  #smoothedMs = 0;
  #originMs = 0;
  #threshold = FIRST_THRESHOLD;
  #lastTrend = 0;
  #overMs = -1;
  #use: PathUse = 'normal';

  get use(): PathUse {
    return this.#use;
  }

  /** A packet that arrived, in the order of sending. */
  add(sentMs: number, arrivalMs: number): void {
    const group = this.#group;
    if (group === undefined) {
      this.#group = { firstSentMs: sentMs, lastSentMs: sentMs, arrivalMs };
      return;
    }
    if (sentMs < group.firstSentMs) return;
    if (sentMs - group.firstSentMs <= GROUP_MS) {
      group.lastSentMs = Math.max(group.lastSentMs, sentMs);
      group.arrivalMs = Math.max(group.arrivalMs, arrivalMs);
      return;
    }
    this.#close(group);
    const spare = this.#before;
    this.#before = group;
    this.#group = spare ?? { firstSentMs: 0, lastSentMs: 0, arrivalMs: 0 };
    this.#group.firstSentMs = sentMs;
    this.#group.lastSentMs = sentMs;
    this.#group.arrivalMs = arrivalMs;
  }

  /** Starts anew: the path or its clock changed. */
  reset(): void {
    this.#group = undefined;
    this.#before = undefined;
    this.#count = 0;
    this.#accumulatedMs = 0;
    this.#smoothedMs = 0;
    this.#lastTrend = 0;
    this.#overMs = -1;
    this.#use = 'normal';
  }

  #close(group: Group): void {
    const before = this.#before;
    if (before === undefined) {
      this.#originMs = group.arrivalMs;
      return;
    }
    const sentDelta = group.lastSentMs - before.lastSentMs;
    const arrivalDelta = group.arrivalMs - before.arrivalMs;
    if (sentDelta > MAX_GAP_MS || Math.abs(arrivalDelta - sentDelta) > MAX_GAP_MS) {
      this.#count = 0;
      this.#accumulatedMs = 0;
      this.#smoothedMs = 0;
      this.#overMs = -1;
      this.#use = 'normal';
      return;
    }
    this.#accumulatedMs += arrivalDelta - sentDelta;
    this.#smoothedMs = SMOOTHING * this.#smoothedMs + (1 - SMOOTHING) * this.#accumulatedMs;
    const at = this.#count % WINDOW;
    this.#x[at] = group.arrivalMs - this.#originMs;
    this.#y[at] = this.#smoothedMs;
    this.#count += 1;
    const trend = this.#count < WINDOW ? this.#lastTrend : this.#slope();
    this.#judge(trend, Math.max(0, sentDelta), Math.max(0, Math.min(100, arrivalDelta)));
    this.#lastTrend = trend;
  }

  /** Least squares over the window. */
  #slope(): number {
    let sumX = 0;
    let sumY = 0;
    for (let at = 0; at < WINDOW; at += 1) {
      sumX += this.#x[at] ?? 0;
      sumY += this.#y[at] ?? 0;
    }
    const meanX = sumX / WINDOW;
    const meanY = sumY / WINDOW;
    let over = 0;
    let under = 0;
    for (let at = 0; at < WINDOW; at += 1) {
      const x = (this.#x[at] ?? 0) - meanX;
      over += x * ((this.#y[at] ?? 0) - meanY);
      under += x * x;
    }
    return under === 0 ? 0 : over / under;
  }

  #judge(trend: number, sentDelta: number, arrivalDelta: number): void {
    const weighted = Math.min(this.#count, MAX_WEIGHT) * trend * GAIN;
    if (weighted > this.#threshold) {
      this.#overMs = this.#overMs === -1 ? sentDelta / 2 : this.#overMs + sentDelta;
      if (this.#overMs > OVERUSE_MS && trend >= this.#lastTrend) {
        this.#overMs = 0;
        this.#use = 'over';
      }
    } else {
      this.#overMs = -1;
      this.#use = weighted < -this.#threshold ? 'under' : 'normal';
    }
    const distance = Math.abs(weighted) - this.#threshold;
    if (distance > MAX_ADAPTED_DISTANCE) return;
    const step = (distance < 0 ? SHRINK : GROW) * distance * arrivalDelta;
    this.#threshold = Math.min(MAX_THRESHOLD, Math.max(MIN_THRESHOLD, this.#threshold + step));
  }
}
