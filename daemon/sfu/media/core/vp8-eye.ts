/** VP8 in RTP (RFC 7741): key frames by the P bit of the payload header, size from the frame header. */
import {
  KEY_FRAME_START,
  NOTHING,
  PARAMETERS_CHANGED,
  unknownParameters,
  withSize,
  type CodecEye,
  type StreamParameters,
} from './codec-facts.ts';

export class Vp8Eye implements CodecEye {
  #parameters: StreamParameters = unknownParameters();
  readonly preamble = undefined;

  get parameters(): Readonly<StreamParameters> {
    return this.#parameters;
  }

  look(payload: Buffer): number {
    const at = frameStart(payload);
    if (at === -1 || ((payload[at] ?? 1) & 1) !== 0) return NOTHING;
    // RFC 6386 section 9.1: three bytes of frame tag, a start code, then 14 bits of each dimension.
    if (payload.length < at + 10 || payload.readUIntBE(at + 3, 3) !== 0x9d012a) return KEY_FRAME_START;
    const width = payload.readUInt16LE(at + 6) & 0x3fff;
    const height = payload.readUInt16LE(at + 8) & 0x3fff;
    const parameters = withSize(this.#parameters, { width, height });
    if (parameters === this.#parameters) return KEY_FRAME_START;
    this.#parameters = parameters;
    return KEY_FRAME_START | PARAMETERS_CHANGED;
  }

  startsKeyFrame(payload: Buffer): boolean {
    const at = frameStart(payload);
    return at !== -1 && ((payload[at] ?? 1) & 1) === 0;
  }
}

/**
 * Where the VP8 frame begins in a packet that starts one (S = 1, partition 0), behind the payload
 * descriptor of RFC 7741 section 4.2; -1 for any other packet.
 */
function frameStart(payload: Buffer): number {
  const first = payload[0] ?? 0;
  if ((first & 0x17) !== 0x10) return -1;
  let at = 1;
  if ((first & 0x80) !== 0) {
    const extension = payload[1] ?? 0;
    at = 2;
    if ((extension & 0x80) !== 0) at += ((payload[at] ?? 0) & 0x80) !== 0 ? 2 : 1;
    if ((extension & 0x40) !== 0) at += 1;
    if ((extension & 0x30) !== 0) at += 1;
  }
  return at < payload.length ? at : -1;
}
