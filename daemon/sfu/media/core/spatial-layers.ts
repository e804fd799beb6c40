/**
 * The sizes of one picture that come in one stream (SVC of VP9 and AV1), each as an encoding a viewer can be given: the
 * layer with all below it. What is above can be left out at any picture; what was left out can begin again at a key
 * frame only.
 */
import { RateMeter } from './rate-meter.ts';

/** Nothing is left out. */
export const ALL_LAYERS = 7;

/** One of the sizes a track can be watched in; `Source` is what it comes from. */
export interface SizedEncoding<Source> {
  readonly source: Source;
  /** Spatial layers above it are left out. */
  readonly top: number;
  /** Lines of the picture, null until a key frame told. */
  readonly height: number | null;
  bitsPerSecond(nowMs: number): number;
  /** True when a packet came since then. */
  hasSentSince(sinceMs: number): boolean;
}

export class SpatialLayers<Source> {
  readonly #source: Source;
  readonly #layers: SpatialLayer<Source>[] = [];
  #heights: readonly number[] = [];

  constructor(source: Source) {
    this.#source = source;
  }

  /** From the smallest to the largest; undefined as long as there is only one. */
  get encodings(): readonly SizedEncoding<Source>[] | undefined {
    return this.#layers.length > 1 ? this.#layers : undefined;
  }

  /** A packet of a layer came. */
  note(layer: number, bytes: number, nowMs: number): void {
    while (this.#layers.length <= layer) {
      const next = new SpatialLayer(this.#source, this.#layers.length, this.#layers.at(-1));
      next.height = this.#heights[next.top] ?? null;
      this.#layers.push(next);
    }
    this.#layers[layer]?.note(bytes, nowMs);
  }

  /** Lines of each layer, of those too that have sent nothing yet. */
  setHeights(heights: readonly number[]): void {
    this.#heights = heights;
    for (const layer of this.#layers) layer.height = heights[layer.top] ?? null;
  }

  /** Another encoder sends now. */
  reset(): void {
    this.#layers.length = 0;
    this.#heights = [];
  }
}

class SpatialLayer<Source> implements SizedEncoding<Source> {
  readonly source: Source;
  readonly top: number;
  height: number | null = null;
  readonly #below: SpatialLayer<Source> | undefined;
  readonly #rate = new RateMeter();
  #lastMs = -Infinity;

  constructor(source: Source, top: number, below: SpatialLayer<Source> | undefined) {
    this.source = source;
    this.top = top;
    this.#below = below;
  }

  note(bytes: number, nowMs: number): void {
    this.#rate.add(bytes, nowMs);
    this.#lastMs = nowMs;
  }

  bitsPerSecond(nowMs: number): number {
    return this.#rate.perSecond(nowMs) * 8 + (this.#below?.bitsPerSecond(nowMs) ?? 0);
  }

  hasSentSince(sinceMs: number): boolean {
    return this.#lastMs >= sinceMs;
  }
}
