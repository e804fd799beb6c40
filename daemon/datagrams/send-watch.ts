/**
 * Decides which sends of one flow report back. The report of every packet is a tenth of what relaying it
 * costs, so a flow that works is asked about now and then, and one that fails about every packet.
 */

/** A flow that works: one report in so many packets, the first one included. */
const REPORT_EVERY = 32;
/** After a failure: so many packets in a row report, counted anew from each further failure. */
const REPORTS_AFTER_FAILURE = 32;

export type OnSent = (error: Error | null) => void;

export class SendWatch {
  /** For packets that always report; what it hears counts for the flow as well. */
  readonly onSent: OnSent;
  #untilReport = 1;
  #reportsLeft = 0;

  /** @param onFailure One packet was not sent. */
  constructor(onFailure: () => void) {
    this.onSent = (error) => {
      if (error === null) return;
      this.#reportsLeft = REPORTS_AFTER_FAILURE;
      onFailure();
    };
  }

  /** The callback for the next packet, or undefined when nobody needs to know. */
  next(): OnSent | undefined {
    if (this.#reportsLeft > 0) {
      this.#reportsLeft -= 1;
      return this.onSent;
    }
    this.#untilReport -= 1;
    if (this.#untilReport > 0) return undefined;
    this.#untilReport = REPORT_EVERY;
    return this.onSent;
  }
}
