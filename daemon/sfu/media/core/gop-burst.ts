/** The catching-up of one viewer: the cached group of pictures on the send clock, as fast as the pacer lets it. */
import type { BurstPacer, Bursting } from './burst-pacer.ts';
import type { FrameGate } from './frame-gate.ts';
import { framesFrom, type Gop } from './gop-cache.ts';
import { CAUGHT_UP_MS, type ViewerOutput } from './viewer-output.ts';
import type { ViewerRepair } from './viewer-repair.ts';

export class GopBurst implements Bursting {
  readonly #pacer: BurstPacer;
  readonly #output: ViewerOutput;
  readonly #repair: ViewerRepair;
  readonly #gate: FrameGate;
  readonly #sourceBitsPerSecond: (nowMs: number) => number;
  readonly #onEnd: (isCaughtUp: boolean) => void;
  #gop: Gop | undefined;
  #cursor = 0;
  #framesDropped = 0;

  /** `ended`: the viewer has caught up, or its path is too narrow to. */
  constructor(
    parts: { pacer: BurstPacer; output: ViewerOutput; repair: ViewerRepair; gate: FrameGate },
    sourceBitsPerSecond: (nowMs: number) => number,
    ended: (isCaughtUp: boolean) => void,
  ) {
    this.#pacer = parts.pacer;
    this.#output = parts.output;
    this.#repair = parts.repair;
    this.#gate = parts.gate;
    this.#sourceBitsPerSecond = sourceBitsPerSecond;
    this.#onEnd = ended;
  }

  get framesDropped(): number {
    return this.#framesDropped;
  }

  /** Takes the pictures; `run` sends them. */
  load(gop: Gop): void {
    this.#gop = gop;
    this.#cursor = 0;
    this.#repair.joinLoss.restart();
  }

  run(nowMs: number): void {
    this.#pacer.add(this, nowMs);
  }

  /** Leaves out what was not sent. */
  drop(): void {
    this.#pacer.delete(this);
    this.#framesDropped += framesFrom(this.#gop, this.#cursor);
    this.#gop = undefined;
  }

  sourceBitsPerSecond(nowMs: number): number {
    return this.#sourceBitsPerSecond(nowMs);
  }

  burstNext(nowMs: number): number {
    const gop = this.#gop;
    if (gop === undefined) return 0;
    for (;;) {
      const packet = gop.packets[this.#cursor];
      if (packet === undefined || nowMs - packet.releasedMs < CAUGHT_UP_MS) {
        this.#sendRest(gop, nowMs);
        return 0;
      }
      if (this.#gate.isOverfull(nowMs)) {
        this.#onEnd(false);
        return 0;
      }
      this.#cursor += 1;
      const bytes = this.#output.sendPicture(packet, false, nowMs);
      // Packets of a layer that this viewer is not sent take no time.
      if (bytes === 0) continue;
      this.#repair.joinLoss.onSent();
      return bytes;
    }
  }

  /** What is left is live; it goes out now, in order, on its own timestamps. */
  #sendRest(gop: Gop, nowMs: number): void {
    for (; this.#cursor < gop.packets.length; this.#cursor += 1) {
      const rest = gop.packets[this.#cursor];
      if (rest !== undefined) this.#output.sendPicture(rest, true, nowMs);
    }
    this.#gop = undefined;
    this.#onEnd(true);
  }
}
