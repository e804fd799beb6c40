/** Watches the encoding a viewer shall move to, until a key frame of it begins. */
import type { Gop } from './gop-cache.ts';
import type { MediaPacket } from './media-packet.ts';
import type { CoreSource, SourceListener } from './source.ts';

/** How long the frame under way on the old encoding may take to end. */
export const FINISH_FRAME_MS = 60;

export class LayerSwitch implements SourceListener {
  readonly source: CoreSource;
  readonly #ready: (gop: Gop, isOverdue: boolean, nowMs: number) => void;
  readonly #gone: () => void;
  #gop: Gop | undefined;
  #sinceMs = 0;

  /** `ready` is called when the key frame begins, and again when the old frame did not end in time. */
  constructor(
    source: CoreSource,
    callbacks: { ready: (gop: Gop, isOverdue: boolean, nowMs: number) => void; gone: () => void },
  ) {
    this.source = source;
    this.#ready = callbacks.ready;
    this.#gone = callbacks.gone;
  }

  /** The pictures to go on with; undefined while no key frame came. */
  get gop(): Gop | undefined {
    return this.#gop;
  }

  start(nowMs: number): void {
    this.source.attach(this);
    this.source.requestKeyFrame(nowMs);
  }

  cancel(): void {
    this.source.detach(this);
  }

  onKeyFrame(gop: Gop, _isResync: boolean, nowMs: number): void {
    this.#gop = gop;
    this.#sinceMs = nowMs;
    this.#ready(gop, false, nowMs);
  }

  onPacket(_packet: MediaPacket, nowMs: number): void {
    if (this.#gop !== undefined && nowMs - this.#sinceMs >= FINISH_FRAME_MS)
      this.#ready(this.#gop, true, nowMs);
  }

  /** A hole before the move: the next key frame counts. */
  onCacheDiscarded(): void {
    this.#gop = undefined;
  }

  onSourceClosed(): void {
    this.#gone();
  }
}
