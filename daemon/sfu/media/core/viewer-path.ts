/**
 * The path to one peer: numbers its packets, remembers them, and reads from the feedback what the path
 * carries. One per association, because the numbers count packets of the whole transport.
 */
import { BandwidthEstimator, type Bandwidth } from './bandwidth-estimator.ts';
import { ARRIVED, MISSING, OUTSTANDING, SentHistory } from './sent-history.ts';
import { ARRIVAL_WRAP_MS, emptyFeedbackReport, readTransportFeedback } from './transport-feedback-reader.ts';

/** A step of the receiver's clock against ours by more than this is a new clock. */
const MAX_CLOCK_STEP_MS = 10_000;
/** Feedback is read into this one object: every read is synchronous. */
const report = emptyFeedbackReport();

export class ViewerPath {
  readonly #history: SentHistory;
  readonly #estimator = new BandwidthEstimator();
  /** Added to arrival times, so that their line never wraps. */
  #wrapMs = 0;
  #lastArrivalMs = -1;
  #clockOffsetMs: number | undefined;
  #roundTripMs: number | undefined;

  constructor(firstNumber: number) {
    this.#history = new SentHistory(firstNumber);
  }

  /** A numbered packet leaves. @returns the number to write into it. */
  send(bytes: number, nowMs: number): number {
    this.#estimator.onSent(bytes, nowMs);
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
        isOfUse = true;
      } else if (state !== ARRIVED) {
        if (state === MISSING) this.#estimator.onFoundLate();
        this.#history.mark(number, ARRIVED);
        const sentMs = this.#history.sentMs(number);
        this.#estimator.onArrived(this.#history.bytes(number), sentMs, this.#unwrapped(arrivalMs, sentMs));
        isOfUse = true;
      }
    }
    if (isOfUse) this.#estimator.onFeedback(nowMs);
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
    }
    this.#clockOffsetMs = offsetMs;
    return at;
  }
}
