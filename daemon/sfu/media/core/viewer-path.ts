/**
 * The path to one peer: numbers its packets, remembers them, and reads from the feedback what the path
 * carries. One per association, because the numbers count packets of the whole transport.
 */
import { BandwidthEstimator, type Bandwidth } from './bandwidth-estimator.ts';
import { PathQueue, SEND_NOTHING } from './path-queue.ts';
import { ARRIVED, MISSING, OUTSTANDING, SENT_HISTORY_PACKETS, SentHistory, UNTOLD } from './sent-history.ts';
import { ARRIVAL_WRAP_MS, emptyFeedbackReport, readTransportFeedback } from './transport-feedback-reader.ts';

/** A step of the receiver's clock against ours by more than this is a new clock. */
const MAX_CLOCK_STEP_MS = 10_000;
/** A stream of so many times the estimate is not sent on a congested path. */
const FAR_TOO_MUCH = 1.6;
const FRESH_FEEDBACK_MS = 400;
/** Feedback is read into this one object: every read is synchronous. */
const report = emptyFeedbackReport();

export class ViewerPath {
  readonly #history: SentHistory;
  readonly #estimator = new BandwidthEstimator();
  readonly #queue = new PathQueue();
  /** Everything before it is told of, or never will be. */
  #settledTo: number;
  /** Added to arrival times, so that their line never wraps. */
  #wrapMs = 0;
  #lastArrivalMs = -1;
  #clockOffsetMs: number | undefined;
  #roundTripMs: number | undefined;
  #lastFeedbackMs = -Infinity;

  constructor(firstNumber: number) {
    this.#history = new SentHistory(firstNumber);
    this.#settledTo = this.#history.next;
  }

  /** A numbered packet leaves. @returns the number to write into it. */
  send(bytes: number, nowMs: number): number {
    this.#estimator.onSent(bytes, nowMs);
    // The slot of the oldest packet is taken: it counts no longer as being on the way.
    const { next } = this.#history;
    if (next - this.#settledTo >= SENT_HISTORY_PACKETS) this.#settleTo(next - SENT_HISTORY_PACKETS + 1);
    this.#queue.onSent(bytes);
    return this.#history.note(bytes, nowMs);
  }

  /** A packet leaves without a number. */
  sendUnnumbered(bytes: number, nowMs: number): void {
    this.#estimator.onSent(bytes, nowMs);
  }

  /** One RTCP packet of type 205, format 15. @returns false when it is not well formed. */
  onFeedback(packet: Buffer, nowMs: number): boolean {
    if (!readTransportFeedback(packet, report)) return false;
    const { count, first, arrivalsMs } = report;
    let isOfUse = false;
    for (let index = 0; index < count; index += 1) {
      const number = this.#history.find((first + index) & 0xffff);
      if (number === -1) continue;
      const arrivalMs = arrivalsMs[index] ?? NaN;
      const state = this.#history.state(number);
      if (Number.isNaN(arrivalMs)) {
        if (state !== OUTSTANDING) continue;
        this.#history.mark(number, MISSING);
        this.#estimator.onMissing();
        this.#queue.onMissing();
        this.#queue.onSettled(this.#history.bytes(number));
        isOfUse = true;
      } else if (state !== ARRIVED) {
        if (state === MISSING) this.#estimator.onFoundLate();
        this.#history.mark(number, ARRIVED);
        const sentMs = this.#history.sentMs(number);
        const bytes = this.#history.bytes(number);
        const atMs = this.#unwrapped(arrivalMs, sentMs);
        if (state === OUTSTANDING) this.#queue.onSettled(bytes);
        this.#queue.onArrived(sentMs, atMs);
        this.#estimator.onArrived(bytes, sentMs, atMs);
        isOfUse = true;
      }
    }
    if (!isOfUse) return true;
    const start = this.#history.find(first);
    if (start !== -1) this.#settleTo(start);
    this.#estimator.onFeedback(nowMs);
    this.#queue.onFeedback(nowMs);
    this.#lastFeedbackMs = nowMs;
    return true;
  }

  onReceiverEstimate(bitsPerSecond: number, nowMs: number): void {
    this.#estimator.onReceiverEstimate(bitsPerSecond, nowMs);
  }

  /** From a receiver report. */
  onReport(fractionLost: number, roundTripMs: number | undefined, nowMs: number): void {
    if (roundTripMs !== undefined) {
      this.#roundTripMs = roundTripMs;
      this.#estimator.setRoundTrip(roundTripMs);
    }
    this.#estimator.onReportedLoss(fractionLost, nowMs);
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** undefined while nothing is known of the path. */
  bandwidth(nowMs: number): Bandwidth | undefined {
    return this.#estimator.bandwidth(nowMs);
  }

  /**
   * How much may be sent; see path-queue.ts.
   * @param bitsPerSecond of the stream that asks. On a path with hardly a queue, loss alone tells that it is
   * far too much; loss of the air does not make the estimate so small.
   */
  level(bitsPerSecond: number, nowMs: number): number {
    const known = this.#estimator.bandwidth(nowMs);
    const isFarTooMuch =
      known?.isLosing === true &&
      known.basis === 'feedback' &&
      nowMs - this.#lastFeedbackMs < FRESH_FEEDBACK_MS &&
      bitsPerSecond > known.bitsPerSecond * FAR_TOO_MUCH;
    return isFarTooMuch ? SEND_NOTHING : this.#queue.level(known?.bitsPerSecond, nowMs);
  }

  isDrained(nowMs: number): boolean {
    return this.#queue.isDrained(nowMs);
  }

  queueMs(nowMs: number): number {
    return this.#queue.queueMs(nowMs);
  }

  /** A picture was left out because of the path. */
  onSpared(nowMs: number): void {
    this.#queue.onSpared(nowMs);
  }

  slowSinceMs(nowMs: number): number | undefined {
    return this.#queue.slowSinceMs(nowMs);
  }

  /** Feedback begins at this number: what it does not tell of before it, it never will. */
  #settleTo(end: number): void {
    for (let number = this.#settledTo; number < end; number += 1) {
      if (!this.#history.has(number) || this.#history.state(number) !== OUTSTANDING) continue;
      this.#history.mark(number, UNTOLD);
      this.#queue.onSettled(this.#history.bytes(number));
    }
    this.#settledTo = Math.max(this.#settledTo, end);
  }

  #unwrapped(arrivalMs: number, sentMs: number): number {
    let at = arrivalMs + this.#wrapMs;
    if (this.#lastArrivalMs - at > ARRIVAL_WRAP_MS / 2) {
      this.#wrapMs += ARRIVAL_WRAP_MS;
      at += ARRIVAL_WRAP_MS;
    }
    this.#lastArrivalMs = at;
    const offsetMs = at - sentMs;
    if (this.#clockOffsetMs !== undefined && Math.abs(offsetMs - this.#clockOffsetMs) > MAX_CLOCK_STEP_MS) {
      this.#estimator.onClockJump();
      this.#queue.onClockJump();
    }
    this.#clockOffsetMs = offsetMs;
    return at;
  }
}
