/**
 * How many bits per second the path to one viewer carries: the smaller of a delay-based and a loss-based
 * rate (draft-ietf-rmcat-gcc-02 sections 5.5 and 6). Without transport-wide feedback it takes the viewer's
 * own estimate (REMB) or the loss of its receiver reports. Sans-IO: `(what arrived, nowMs)`.
 *
 * What has arrived proves itself: the rate is never held below what the path did carry without a queue. So
 * the burst of a join, and a probe, lift it at once; a stream that sends little lifts it only a little.
 */
import { DelayTrend } from './delay-trend.ts';
import { RateMeter } from './rate-meter.ts';
import { ThroughputWindow } from './throughput-window.ts';

export const MIN_ESTIMATE_BITS_PER_SECOND = 30_000;
export const MAX_ESTIMATE_BITS_PER_SECOND = 100_000_000;
/** What the path did carry is measured over this long; a burst of one frame proves nothing. */
const PROOF_MS = 150;
const ARRIVED_MS = 500;
const BACK_OFF = 0.85;
/** Per second, while nothing is known of the limit. */
const INCREASE = 0.08;
/** Near the rate at which it queued last, this much per second. */
const INCREASE_NEAR_LIMIT = 0.03;
/** A path whose limit is that far away from the remembered one is another path. */
const NEAR_LIMIT = 0.2;
/** The rate grows no further than this beyond what is really sent: more was never tried. */
const MAX_UNTRIED = 1.5;
const UNTRIED_BITS_PER_SECOND = 10_000;
/** One reduction per round trip and this: its effect must show first. */
const REACTION_MS = 100;
const LOW_LOSS = 0.02;
const HIGH_LOSS = 0.1;
/** Loss is a share of at least this many packets. */
const LOSS_PACKETS = 30;
const LOSS_WINDOW_MS = 500;
/** Without feedback for so long, the fallbacks speak. */
const FEEDBACK_TIMEOUT_MS = 3000;
const REMB_TIMEOUT_MS = 5000;
const DEFAULT_ROUND_TRIP_MS = 100;
const PAUSE_MS = 300;
/** Two feedback messages further apart than this mean that nothing was sent between. */
const IDLE_MS = 1500;

export type BandwidthBasis = 'feedback' | 'remb' | 'reports';

export type Bandwidth = {
  bitsPerSecond: number;
  basis: BandwidthBasis;
  /** The path queues, or loses more than a tenth. */
  isCongested: boolean;
  /** It loses more than a tenth. */
  isLosing: boolean;
};

export class BandwidthEstimator {
  readonly #trend = new DelayTrend();
  readonly #arrived = new ThroughputWindow();
  readonly #sent = new RateMeter();
  /** By delay; undefined until the path has proved something. */
  #delayRate: number | undefined;
  #lossRate = MAX_ESTIMATE_BITS_PER_SECOND;
  /** The rate at which a queue grew last. */
  #limit: number | undefined;
  #lastFeedbackMs = -Infinity;
  #lastSentMs = -Infinity;
  #lastBackOffMs = -Infinity;
  #lossStartMs = -Infinity;
  #lossReceived = 0;
  #lossMissing = 0;
  /** The most that arrived per second in the window of the loss. */
  #lossPeak = 0;
  #isLosing = false;
  #reportRate: number | undefined;
  #lastReportMs = -Infinity;
  #remb: { bitsPerSecond: number; atMs: number } | undefined;
  #roundTripMs = DEFAULT_ROUND_TRIP_MS;

  /** A packet leaves. */
  onSent(bytes: number, nowMs: number): void {
    this.#sent.add(bytes, nowMs);
  }

  setRoundTrip(roundTripMs: number): void {
    this.#roundTripMs = Math.min(2000, roundTripMs);
  }

  /** A packet of the message arrived. In the order of the numbers. */
  onArrived(bytes: number, sentMs: number, arrivalMs: number): void {
    this.#lossReceived += 1;
    this.#arrived.add(bytes, arrivalMs);
    // Nothing was sent for a while: a queue of before says nothing of now.
    if (sentMs - this.#lastSentMs > PAUSE_MS) this.#trend.reset();
    this.#lastSentMs = sentMs;
    this.#trend.add(sentMs, arrivalMs);
  }

  onMissing(): void {
    this.#lossMissing += 1;
  }

  /** One reported missing before has arrived after all. */
  onFoundLate(): void {
    if (this.#lossMissing > 0) this.#lossMissing -= 1;
  }

  /** The receiver's clock began anew. */
  onClockJump(): void {
    this.#trend.reset();
    this.#arrived.reset();
  }

  /** A whole feedback message was told by the calls above. */
  onFeedback(nowMs: number): void {
    const elapsedMs = Math.min(IDLE_MS, nowMs - this.#lastFeedbackMs);
    this.#lastFeedbackMs = nowMs;
    this.#updateLoss(nowMs, elapsedMs);
    this.#updateDelay(nowMs, elapsedMs);
  }

  /** The loss share of a receiver report: used only while no feedback comes. */
  onReportedLoss(fractionLost: number, nowMs: number): void {
    if (nowMs - this.#lastFeedbackMs < FEEDBACK_TIMEOUT_MS) return;
    const sentBitsPerSecond = this.#sent.perSecond(nowMs) * 8;
    const elapsedMs = Math.min(IDLE_MS, nowMs - this.#lastReportMs);
    this.#lastReportMs = nowMs;
    this.#isLosing = fractionLost > HIGH_LOSS;
    if (sentBitsPerSecond === 0) return;
    const rate = this.#reportRate ?? sentBitsPerSecond;
    if (fractionLost > HIGH_LOSS)
      this.#reportRate = clamp(Math.min(rate, sentBitsPerSecond) * (1 - fractionLost / 2));
    else if (fractionLost < LOW_LOSS)
      this.#reportRate = clamp(this.#grown(rate, sentBitsPerSecond, INCREASE, elapsedMs));
    else this.#reportRate = clamp(rate);
  }

  /** Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03). */
  onReceiverEstimate(bitsPerSecond: number, nowMs: number): void {
    this.#remb = { bitsPerSecond: clamp(bitsPerSecond), atMs: nowMs };
  }

  /** undefined while nothing is known: then nothing is held back. */
  bandwidth(nowMs: number): Bandwidth | undefined {
    const isLosing = this.#isLosing;
    const isCongested = this.#trend.use === 'over' || isLosing;
    const remb = this.#remb;
    const hasRemb = remb !== undefined && nowMs - remb.atMs < REMB_TIMEOUT_MS;
    const hasFallback = hasRemb || this.#reportRate !== undefined;
    // A viewer that is sent nothing gives no feedback: what was known stays the best guess.
    if (
      this.#delayRate !== undefined &&
      (nowMs - this.#lastFeedbackMs < FEEDBACK_TIMEOUT_MS || !hasFallback)
    ) {
      return {
        bitsPerSecond: Math.min(this.#delayRate, this.#lossRate),
        basis: 'feedback',
        isCongested,
        isLosing,
      };
    }
    if (hasRemb) return { bitsPerSecond: remb.bitsPerSecond, basis: 'remb', isCongested: isLosing, isLosing };
    if (this.#reportRate === undefined) return undefined;
    return { bitsPerSecond: this.#reportRate, basis: 'reports', isCongested: isLosing, isLosing };
  }

  #updateDelay(nowMs: number, elapsedMs: number): void {
    const arrived = this.#arrived.bitsPerSecond(ARRIVED_MS) ?? this.#arrived.bitsPerSecond(PROOF_MS);
    if (arrived === undefined) return;
    if (this.#trend.use === 'over') {
      if (nowMs - this.#lastBackOffMs < this.#roundTripMs + REACTION_MS) return;
      this.#lastBackOffMs = nowMs;
      // While a queue stands, what arrives is what the path carries; a pause before it does not count.
      const limit = Math.max(arrived, this.#arrived.bitsPerSecond(PROOF_MS) ?? 0);
      this.#limit = limit;
      this.#delayRate = clamp(Math.min(this.#delayRate ?? Infinity, limit * BACK_OFF));
      return;
    }
    const rate = this.#delayRate ?? arrived;
    if (this.#trend.use === 'under') {
      // The queue drains; what is sent then does not show what the path carries.
      this.#delayRate = clamp(rate);
      return;
    }
    const isNear = this.#limit !== undefined && Math.abs(rate - this.#limit) < this.#limit * NEAR_LIMIT;
    const grown = this.#grown(rate, arrived, isNear ? INCREASE_NEAR_LIMIT : INCREASE, elapsedMs);
    const proved = this.#proved(nowMs);
    this.#delayRate = clamp(Math.max(grown, proved));
    if (this.#limit !== undefined && proved > this.#limit * (1 + NEAR_LIMIT)) this.#limit = undefined;
  }

  /** What did arrive lately, unless a queue was just emptied: its rate is not that of the path. */
  #proved(nowMs: number): number {
    if (nowMs - this.#lastBackOffMs < ARRIVED_MS + this.#roundTripMs + REACTION_MS) return 0;
    return this.#arrived.bitsPerSecond(PROOF_MS) ?? 0;
  }

  #updateLoss(nowMs: number, elapsedMs: number): void {
    this.#lossPeak = Math.max(this.#lossPeak, this.#arrived.bitsPerSecond(PROOF_MS) ?? 0);
    const total = this.#lossReceived + this.#lossMissing;
    if (total >= LOSS_PACKETS && nowMs - this.#lossStartMs >= LOSS_WINDOW_MS) {
      const share = this.#lossMissing / total;
      const peak = this.#lossPeak;
      this.#lossPeak = 0;
      this.#lossStartMs = nowMs;
      this.#lossReceived = 0;
      this.#lossMissing = 0;
      this.#isLosing = share > HIGH_LOSS;
      if (this.#isLosing) {
        const sent = this.#sent.perSecond(nowMs) * 8;
        const lowered = Math.min(this.#lossRate, sent, this.#delayRate ?? Infinity) * (1 - share / 2);
        // A sender that goes on above the limit must not talk the rate below what does arrive.
        this.#lossRate = clamp(Math.max(lowered, peak * BACK_OFF));
        return;
      }
      if (share >= LOW_LOSS) return;
    }
    if (!this.#isLosing && this.#lossRate < MAX_ESTIMATE_BITS_PER_SECOND) {
      const grown = this.#lossRate * (1 + INCREASE * (elapsedMs / 1000));
      this.#lossRate = clamp(Math.max(grown, this.#proved(nowMs)));
    }
  }

  #grown(rate: number, tried: number, perSecond: number, elapsedMs: number): number {
    const grown = rate * (1 + perSecond * (elapsedMs / 1000));
    return Math.max(rate, Math.min(grown, tried * MAX_UNTRIED + UNTRIED_BITS_PER_SECOND));
  }
}

function clamp(bitsPerSecond: number): number {
  return Math.min(MAX_ESTIMATE_BITS_PER_SECOND, Math.max(MIN_ESTIMATE_BITS_PER_SECOND, bitsPerSecond));
}
