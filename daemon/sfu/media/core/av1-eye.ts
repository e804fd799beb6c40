/**
 * AV1 in RTP (RTP Payload Format for AV1, section 4.4): the N bit of the aggregation header marks the first
 * packet of a coded video sequence, which starts with a key frame.
 */
import { KEY_FRAME_START, NOTHING, unknownParameters, type CodecEye } from './codec-facts.ts';

const CONTINUES_FRAGMENT = 0x80;
const NEW_SEQUENCE = 0x08;

export class Av1Eye implements CodecEye {
  readonly parameters = unknownParameters();
  readonly preamble = undefined;

  look(payload: Buffer): number {
    return this.startsKeyFrame(payload) ? KEY_FRAME_START : NOTHING;
  }

  startsKeyFrame(payload: Buffer): boolean {
    return payload.length > 1 && ((payload[0] ?? 0) & (CONTINUES_FRAGMENT | NEW_SEQUENCE)) === NEW_SEQUENCE;
  }
}
