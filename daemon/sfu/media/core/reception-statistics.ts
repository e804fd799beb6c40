/** What a receiver report says of one SSRC: RFC 3550 section 6.4.1 and appendix A.3, A.8. */
import type { ReportBlock } from './rtcp-packet.ts';

export class ReceptionStatistics {
  readonly #unitsPerMs: number;
  #first = -1;
  #highest = -1;
  #received = 0;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #transit: number | undefined;
  #jitter = 0;
  #senderReport: { compactNtp: number; atMs: number } | undefined;

  constructor(clockRate: number) {
    this.#unitsPerMs = clockRate / 1000;
  }

  /** Interarrival jitter in milliseconds. */
  get jitterMs(): number {
    return this.#jitter / this.#unitsPerMs;
  }

  get expected(): number {
    return this.#first === -1 ? 0 : this.#highest - this.#first + 1;
  }

  get received(): number {
    return this.#received;
  }

  /** Counts a packet of the media SSRC. @param sequence extended. */
  onPacket(sequence: number, timestamp: number, nowMs: number): void {
    if (this.#first === -1 || sequence < this.#first) this.#first = sequence;
    if (sequence > this.#highest) this.#highest = sequence;
    this.#received += 1;
    // Both clocks wrap like a 32 bit timestamp, so the difference of transits does too.
    const transit = (Math.round(nowMs * this.#unitsPerMs) - timestamp) % 0x1_0000_0000;
    if (this.#transit !== undefined) {
      const difference = Math.abs((transit - this.#transit) | 0);
      // A new timeline is no jitter.
      if (difference < this.#unitsPerMs * 2000) this.#jitter += (difference - this.#jitter) / 16;
    }
    this.#transit = transit;
  }

  onSenderReport(compactNtp: number, nowMs: number): void {
    this.#senderReport = { compactNtp, atMs: nowMs };
  }

  /** The block for a report that leaves now. Starts the next interval of the fraction lost. */
  report(ssrc: number, nowMs: number): ReportBlock {
    const expectedNow = this.expected - this.#expectedBefore;
    const lostNow = expectedNow - (this.#received - this.#receivedBefore);
    this.#expectedBefore = this.expected;
    this.#receivedBefore = this.#received;
    const last = this.#senderReport;
    return {
      ssrc,
      fractionLost: expectedNow <= 0 || lostNow <= 0 ? 0 : lostNow / expectedNow,
      packetsLost: this.expected - this.#received,
      highestSequence: Math.max(0, this.#highest) % 0x1_0000_0000,
      jitter: Math.round(this.#jitter),
      lastSenderReport: last?.compactNtp ?? 0,
      delaySinceLastSenderReport:
        last === undefined ? 0 : Math.min(0xffff_ffff, Math.round((nowMs - last.atMs) * 65.536)),
    };
  }
}
