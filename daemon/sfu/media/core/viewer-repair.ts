/** Answers what a viewer asks for again, and judges what cannot be repaired. One per downlink. */
import { JoinLoss } from './join-loss.ts';
import type { OutboundStream } from './outbound-stream.ts';
import type { ReportBlock } from './rtcp-packet.ts';

/** `hopeless`: the viewer needs a key frame. `too-narrow`: its path loses too much of a burst. */
export type RepairVerdict = 'answered' | 'hopeless' | 'too-narrow';

export class ViewerRepair {
  readonly joinLoss = new JoinLoss();
  readonly #stream: OutboundStream;
  /** Where the last re-join began: older packets are not worth repeating. */
  #joinIndex = 0;
  #asked = 0;
  #unanswerable = 0;
  #roundTripMs: number | null = null;
  #fractionLost: number | null = null;

  constructor(stream: OutboundStream) {
    this.#stream = stream;
  }

  /** Packets asked for. */
  get asked(): number {
    return this.#asked;
  }

  /** Of them, those that were not in the ring any more. */
  get unanswerable(): number {
    return this.#unanswerable;
  }

  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  get fractionLost(): number | null {
    return this.#fractionLost;
  }

  /** A key frame comes next: nothing before it is of use to the viewer any more. */
  restart(): void {
    this.#joinIndex = this.#stream.nextIndex;
  }

  onReport(block: ReportBlock, roundTripMs: number | undefined): void {
    this.#fractionLost = block.fractionLost;
    if (roundTripMs !== undefined) this.#roundTripMs = roundTripMs;
  }

  /** The requests are counted and not answered. */
  refuse(sequenceNumbers: readonly number[]): void {
    this.#asked += sequenceNumbers.length;
  }

  /** @param isBursting what is lost now tells whether the path is wide enough for the burst. */
  answer(sequenceNumbers: readonly number[], isBursting: boolean, nowMs: number): RepairVerdict {
    let isHopeless = false;
    for (const sequenceNumber of sequenceNumbers) {
      this.#asked += 1;
      const index = this.#stream.indexOf(sequenceNumber);
      if (isBursting && index >= this.#joinIndex) this.joinLoss.onAsked();
      const verdict = this.#stream.resend(sequenceNumber, this.#roundTripMs ?? undefined, nowMs);
      if (verdict !== 'gone') continue;
      this.#unanswerable += 1;
      // What was sent before the last key frame is of no use to the viewer any more.
      if (index >= this.#joinIndex) isHopeless = true;
    }
    if (isBursting && this.joinLoss.isTooMuch) return 'too-narrow';
    return isHopeless ? 'hopeless' : 'answered';
  }
}
