/** VP9 in RTP (RFC 9628): key frames and layers by the payload descriptor, sizes from the scalability structure. */
import {
  KEY_FRAME_START,
  PARAMETERS_CHANGED,
  unknownParameters,
  withSize,
  type CodecEye,
  type StreamParameters,
} from './codec-facts.ts';
import { vp9LayerFacts, vp9Sizes, vp9StartsKeyFrame } from './vp9-descriptor.ts';

export class Vp9Eye implements CodecEye {
  readonly preamble = undefined;
  #parameters: StreamParameters = unknownParameters();
  #layerHeights: readonly number[] = [];

  get parameters(): Readonly<StreamParameters> {
    return this.#parameters;
  }

  get layerHeights(): readonly number[] {
    return this.#layerHeights;
  }

  look(payload: Buffer): number {
    const facts = vp9LayerFacts(payload);
    return this.startsKeyFrame(payload) ? facts | KEY_FRAME_START | this.#readSizes(payload) : facts;
  }

  startsKeyFrame(payload: Buffer): boolean {
    return vp9StartsKeyFrame(payload);
  }

  /** @returns whether the largest picture became another one. */
  #readSizes(payload: Buffer): number {
    const sizes = vp9Sizes(payload);
    if (sizes.length === 0) return 0;
    this.#layerHeights = sizes.map(({ height }) => height);
    const parameters = withSize(this.#parameters, sizes.at(-1));
    if (parameters === this.#parameters) return 0;
    this.#parameters = parameters;
    return PARAMETERS_CHANGED;
  }
}
