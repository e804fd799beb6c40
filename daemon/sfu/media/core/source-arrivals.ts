/**
 * What came of one source, over all SSRCs it had: extended numbers, duplicates, order, and the figures of that.
 * It decides nothing about pictures.
 */
import { RateMeter } from './rate-meter.ts';
import { ReceiveWindow, type Sequenced } from './receive-window.ts';
import { ReceptionStatistics } from './reception-statistics.ts';
import { ReplayWindow } from './replay-window.ts';
import { extendSequence } from './sequence-number.ts';

const DUPLICATE_WINDOW = 4096;
/** Extended numbers start here, so that a packet from before the first one is not negative. */
const SEQUENCE_ORIGIN = 0x1_0000;
/** `place` of a packet that came before. */
export const DUPLICATE = -1;

export class SourceArrivals<Packet extends Sequenced> {
  readonly #clockRate: number;
  readonly #mayRequest: boolean;
  readonly #rate = new RateMeter();
  #window: ReceiveWindow<Packet>;
  #reception: ReceptionStatistics;
  #seen = new ReplayWindow(DUPLICATE_WINDOW);
  #packets = 0;
  #bytes = 0;
  #lastAtMs: number | null = null;
  /** Totals of SSRCs that were replaced. */
  #lostBefore = 0;
  #recoveredBefore = 0;

  constructor(options: { clockRate: number; mayRequest: boolean }) {
    this.#clockRate = options.clockRate;
    this.#mayRequest = options.mayRequest;
    this.#window = new ReceiveWindow(options);
    this.#reception = new ReceptionStatistics(options.clockRate);
  }

  /** Of the SSRC that is bound now. */
  get window(): ReceiveWindow<Packet> {
    return this.#window;
  }

  /** Of the SSRC that is bound now. */
  get reception(): ReceptionStatistics {
    return this.#reception;
  }

  get packets(): number {
    return this.#packets;
  }

  /** Of payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  get lastAtMs(): number | null {
    return this.#lastAtMs;
  }

  get recovered(): number {
    return this.#recoveredBefore + this.#window.recovered;
  }

  get lost(): number {
    const { expected, received } = this.#reception;
    return this.#lostBefore + Math.max(0, expected - received - this.#window.recovered);
  }

  bitsPerSecond(nowMs: number): number {
    return this.#rate.perSecond(nowMs) * 8;
  }

  /**
   * Counts a packet.
   * @param bytes of its payload. @param isRetransmission it came unwrapped from RTX, so receiver reports do not count it.
   * @returns its extended number, or DUPLICATE.
   */
  place(
    sequenceNumber: number,
    timestamp: number,
    bytes: number,
    isRetransmission: boolean,
    nowMs: number,
  ): number {
    const { highest } = this.#seen;
    const sequence =
      highest === -1 ? SEQUENCE_ORIGIN + sequenceNumber : extendSequence(sequenceNumber, highest);
    if (!isRetransmission) this.#reception.onPacket(sequence, timestamp, nowMs);
    if (this.#seen.has(sequence)) return DUPLICATE;
    this.#seen.add(sequence);
    this.#packets += 1;
    this.#bytes += bytes;
    this.#rate.add(bytes + 12, nowMs);
    this.#lastAtMs = nowMs;
    return sequence;
  }

  /** Another SSRC follows: its numbers begin anew, the totals go on. */
  restart(): void {
    this.#lostBefore = this.lost;
    this.#recoveredBefore = this.recovered;
    this.#window = new ReceiveWindow({ mayRequest: this.#mayRequest });
    this.#seen = new ReplayWindow(DUPLICATE_WINDOW);
    this.#reception = new ReceptionStatistics(this.#clockRate);
  }
}
