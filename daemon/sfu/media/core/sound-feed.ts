/** Sends one viewer the packets of an audio source as they come: sound needs no key frame to begin with. */
import type { MediaPacket } from './media-packet.ts';
import type { CoreSource, Encoding, SourceListener } from './source.ts';
import type { Feed } from './viewer-feed.ts';
import type { ViewerOutput } from './viewer-output.ts';
import type { ViewerRepair } from './viewer-repair.ts';

export class SoundFeed implements Feed, SourceListener {
  readonly isLive = false;
  readonly pictures = { due: 0, spared: 0 };
  readonly figures = {
    framesDropped: 0,
    framesSpared: 0,
    layerSwitches: 0,
    bursts: 0,
    begins: 0,
    firstKeyFrameAtMs: null,
  };
  readonly #output: ViewerOutput;
  readonly #repair: ViewerRepair;
  #source: CoreSource | undefined;
  #isOn = false;

  constructor(output: ViewerOutput, repair: ViewerRepair) {
    this.#output = output;
    this.#repair = repair;
  }

  get encoding(): Encoding | undefined {
    return this.#source;
  }

  setSource(source: CoreSource | undefined): void {
    this.stop();
    this.#source?.detach(this);
    this.#source = source === undefined || source.isClosed ? undefined : source;
    this.#source?.attach(this);
  }

  switchTo({ source }: Encoding, isStopped: boolean): void {
    if (source === this.#source) return;
    this.setSource(source);
    if (!isStopped) this.start();
  }

  start(): void {
    this.#isOn = this.#source !== undefined;
  }

  stop(): void {
    this.#isOn = false;
    this.#output.stop();
  }

  onNack(sequenceNumbers: readonly number[], nowMs: number): void {
    this.#repair.answer(sequenceNumbers, false, nowMs);
  }

  onPictureLoss(): void {
    // There are none.
  }

  onKeyFrame(): void {
    // As above.
  }

  onCacheDiscarded(): void {
    // As above.
  }

  onPacket(packet: MediaPacket, nowMs: number): void {
    if (this.#isOn) this.#output.sendSound(packet, nowMs);
  }

  onSourceClosed(): void {
    this.stop();
    this.#source = undefined;
  }
}
