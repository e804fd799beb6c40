/** RTCP a peer gets about what it sends us: receiver reports each second, transport-wide feedback each 50 ms. */
import { randomBelow, type CoreContext, type Timed } from './core-context.ts';
import { writeReceiverReport, type ReportBlock } from './rtcp-packet.ts';
import type { CoreSource } from './source.ts';
import { TRANSPORT_FEEDBACK_INTERVAL_MS, TransportFeedback } from './transport-feedback.ts';

const REPORT_MS = 1000;
const MAX_BLOCKS = 31;
const CNAME = 'turnkeep';
/** Feedback messages of one turn: a delta that fits no 16 bits splits them. */
const MAX_FEEDBACK_PER_TURN = 8;

export class PeerReports implements Timed {
  /** Sender SSRC of all feedback to this peer. */
  readonly ssrc: number;
  readonly #context: CoreContext;
  readonly #sources: ReadonlySet<CoreSource>;
  readonly #send: (compound: Buffer) => void;
  readonly #transport = new TransportFeedback();
  #mediaSsrc = 0;
  #reportDueMs: number | undefined;
  #feedbackDueMs: number | undefined;
  #lastPacketMs = 0;

  constructor(context: CoreContext, sources: ReadonlySet<CoreSource>, send: (compound: Buffer) => void) {
    this.#context = context;
    this.#sources = sources;
    this.#send = send;
    this.ssrc = 1 + randomBelow(context, 0xffff_fffe);
  }

  /** An authentic RTP packet came. */
  wake(nowMs: number): void {
    this.#lastPacketMs = nowMs;
    if (this.#reportDueMs !== undefined) return;
    this.#reportDueMs = nowMs + REPORT_MS * (0.5 + this.#context.random() / 2);
    this.#arm();
  }

  /** It carried this transport-wide number. */
  noteTransportNumber(number: number, mediaSsrc: number, nowMs: number): void {
    this.#transport.add(number, nowMs);
    this.#mediaSsrc = mediaSsrc;
    if (this.#feedbackDueMs !== undefined) return;
    this.#feedbackDueMs = nowMs + TRANSPORT_FEEDBACK_INTERVAL_MS;
    this.#arm();
  }

  onDeadline(nowMs: number): void {
    if (this.#feedbackDueMs !== undefined && nowMs >= this.#feedbackDueMs) {
      // While packets come the rhythm holds; the first turn without any ends it.
      this.#feedbackDueMs = this.#transport.pending ? nowMs + TRANSPORT_FEEDBACK_INTERVAL_MS : undefined;
      for (let turn = 0; turn < MAX_FEEDBACK_PER_TURN && this.#transport.pending; turn += 1) {
        const message = this.#transport.take(this.ssrc, this.#mediaSsrc);
        if (message !== undefined) this.#send(message);
      }
    }
    if (this.#reportDueMs !== undefined && nowMs >= this.#reportDueMs) {
      this.#reportDueMs = undefined;
      this.#report(nowMs);
      // A silent peer gets no reports; its next packet starts them again.
      if (nowMs - this.#lastPacketMs < REPORT_MS * 5) {
        this.#reportDueMs = nowMs + REPORT_MS * (0.5 + this.#context.random() / 2);
      }
    }
    this.#arm();
  }

  close(): void {
    this.#context.deadlines.delete(this);
  }

  #report(nowMs: number): void {
    let blocks: ReportBlock[] = [];
    for (const source of this.#sources) {
      if (source.ssrc === undefined || source.reception.received === 0) continue;
      blocks.push(source.reception.report(source.ssrc, nowMs));
      if (blocks.length < MAX_BLOCKS) continue;
      this.#send(writeReceiverReport(this.ssrc, blocks, CNAME));
      blocks = [];
    }
    if (blocks.length > 0) this.#send(writeReceiverReport(this.ssrc, blocks, CNAME));
  }

  #arm(): void {
    const atMs = Math.min(this.#reportDueMs ?? Infinity, this.#feedbackDueMs ?? Infinity);
    if (atMs === Infinity) this.#context.deadlines.delete(this);
    else this.#context.deadlines.set(this, atMs);
  }
}
