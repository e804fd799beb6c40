/** VP9 in RTP (RFC 9628): key frames by the payload descriptor, size from the scalability structure. */
import {
  KEY_FRAME_START,
  NOTHING,
  PARAMETERS_CHANGED,
  unknownParameters,
  type CodecEye,
  type StreamParameters,
} from './codec-facts.ts';

const PICTURE_ID = 0x80;
const INTER_PREDICTED = 0x40;
const LAYER_INDICES = 0x20;
const FLEXIBLE = 0x10;
const START_OF_FRAME = 0x08;
const SCALABILITY_STRUCTURE = 0x02;

export class Vp9Eye implements CodecEye {
  #parameters: StreamParameters = unknownParameters();
  readonly preamble = undefined;

  get parameters(): Readonly<StreamParameters> {
    return this.#parameters;
  }

  look(payload: Buffer): number {
    if (!this.startsKeyFrame(payload)) return NOTHING;
    const size = largestLayer(payload);
    if (size === undefined) return KEY_FRAME_START;
    if (size.width === this.#parameters.width && size.height === this.#parameters.height)
      return KEY_FRAME_START;
    this.#parameters = { ...this.#parameters, ...size };
    return KEY_FRAME_START | PARAMETERS_CHANGED;
  }

  /** A frame that starts, predicts from no other, and belongs to the lowest spatial layer. */
  startsKeyFrame(payload: Buffer): boolean {
    const first = payload[0] ?? INTER_PREDICTED;
    if ((first & (INTER_PREDICTED | START_OF_FRAME)) !== START_OF_FRAME) return false;
    if ((first & LAYER_INDICES) === 0) return payload.length > 1;
    const layer = payload[afterPictureId(payload)];
    return layer !== undefined && ((layer >>> 1) & 7) === 0;
  }
}

function afterPictureId(payload: Buffer): number {
  if (((payload[0] ?? 0) & PICTURE_ID) === 0) return 1;
  return ((payload[1] ?? 0) & 0x80) !== 0 ? 3 : 2;
}

/** Width and height of the last layer of the scalability structure (RFC 9628 section 4.2.1). */
function largestLayer(payload: Buffer): { width: number; height: number } | undefined {
  const first = payload[0] ?? 0;
  if ((first & SCALABILITY_STRUCTURE) === 0) return undefined;
  let at = afterPictureId(payload);
  if ((first & LAYER_INDICES) !== 0) at += (first & FLEXIBLE) !== 0 ? 1 : 2;
  const structure = payload[at] ?? 0;
  const layers = (structure >>> 5) + 1;
  if ((structure & 0x10) === 0) return undefined;
  at += 1 + (layers - 1) * 4;
  if (at + 4 > payload.length) return undefined;
  return { width: payload.readUInt16BE(at), height: payload.readUInt16BE(at + 2) };
}
