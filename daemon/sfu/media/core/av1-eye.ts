/**
 * AV1 in RTP (RTP Payload Format for AV1, section 4.4): the N bit of the aggregation header marks the first
 * packet of a coded video sequence, which starts with a key frame. Layers and sizes are told by the dependency
 * descriptor only.
 */
import {
  KEY_FRAME_START,
  NOTHING,
  PARAMETERS_CHANGED,
  unknownParameters,
  withSize,
  type CodecEye,
  type StreamParameters,
} from './codec-facts.ts';
import { DependencyDescriptors } from './dependency-descriptor.ts';

const CONTINUES_FRAGMENT = 0x80;
const NEW_SEQUENCE = 0x08;

export class Av1Eye implements CodecEye {
  readonly preamble = undefined;
  readonly #descriptors = new DependencyDescriptors();
  #parameters: StreamParameters = unknownParameters();
  #sizes = this.#descriptors.sizes;
  #layerHeights: readonly number[] = [];

  get parameters(): Readonly<StreamParameters> {
    return this.#parameters;
  }

  get layerHeights(): readonly number[] {
    return this.#layerHeights;
  }

  look(payload: Buffer, element?: Buffer): number {
    let facts = this.startsKeyFrame(payload) ? KEY_FRAME_START : NOTHING;
    if (element === undefined) return facts;
    facts |= this.#descriptors.read(element);
    const { sizes } = this.#descriptors;
    if (sizes === this.#sizes) return facts;
    this.#sizes = sizes;
    this.#layerHeights = sizes.map(({ height }) => height);
    const parameters = withSize(this.#parameters, sizes.at(-1));
    if (parameters === this.#parameters) return facts;
    this.#parameters = parameters;
    return facts | PARAMETERS_CHANGED;
  }

  startsKeyFrame(payload: Buffer): boolean {
    return payload.length > 1 && ((payload[0] ?? 0) & (CONTINUES_FRAGMENT | NEW_SEQUENCE)) === NEW_SEQUENCE;
  }
}
