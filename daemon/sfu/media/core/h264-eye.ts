/**
 * H.264 in RTP (RFC 6184): finds IDR pictures in single NAL units, STAP-A and FU-A, keeps the newest
 * parameter sets, and notices B slices.
 */
import { BitReader } from './bit-reader.ts';
import {
  CACHE_VOID,
  KEY_FRAME_START,
  NOTHING,
  PARAMETERS_CHANGED,
  unknownParameters,
  type CodecEye,
  type StreamParameters,
} from './codec-facts.ts';
import { parseSequenceParameters } from './h264-sequence-parameters.ts';

const SLICE = 1;
const IDR_SLICE = 5;
const SPS = 7;
const PPS = 8;
const STAP_A = 24;
const FU_A = 28;
/** Parameter sets are tens of bytes; larger ones are not kept, so a packet of both always fits a datagram. */
const MAX_PARAMETER_SET_BYTES = 256;
const MAX_PICTURE_PARAMETER_SETS = 3;

export class H264Eye implements CodecEye {
  #parameters: StreamParameters = unknownParameters();
  #mayReorder = true;
  #sps: Buffer | undefined;
  /** By content-independent id (pic_parameter_set_id), newest last. */
  readonly #pps = new Map<number, Buffer>();
  #preamble: Buffer | undefined;

  get parameters(): Readonly<StreamParameters> {
    return this.#parameters;
  }

  get preamble(): Buffer | undefined {
    return this.#preamble;
  }

  look(payload: Buffer): number {
    const type = (payload[0] ?? 0) & 0x1f;
    if (type === FU_A) {
      const isStart = ((payload[1] ?? 0) & 0x80) !== 0;
      return isStart ? this.#lookAtUnit((payload[1] ?? 0) & 0x1f, payload.subarray(1), false) : NOTHING;
    }
    if (type !== STAP_A) return this.#lookAtUnit(type, payload, true);
    let facts = NOTHING;
    for (let at = 1; at + 2 < payload.length;) {
      const bytes = payload.readUInt16BE(at);
      if (bytes === 0 || at + 2 + bytes > payload.length) break;
      const unit = payload.subarray(at + 2, at + 2 + bytes);
      facts |= this.#lookAtUnit((unit[0] ?? 0) & 0x1f, unit, true);
      at += 2 + bytes;
    }
    return facts;
  }

  startsKeyFrame(payload: Buffer): boolean {
    const type = (payload[0] ?? 0) & 0x1f;
    if (type === FU_A) return ((payload[1] ?? 0) & 0x9f) === (0x80 | IDR_SLICE);
    if (type !== STAP_A) return type === IDR_SLICE;
    for (let at = 1; at + 2 < payload.length;) {
      const bytes = payload.readUInt16BE(at);
      if (bytes === 0 || at + 2 + bytes > payload.length) return false;
      if (((payload[at + 2] ?? 0) & 0x1f) === IDR_SLICE) return true;
      at += 2 + bytes;
    }
    return false;
  }

  /** @param unit from the NAL header byte (or the FU header in its place) on. */
  #lookAtUnit(type: number, unit: Buffer, isWhole: boolean): number {
    switch (type) {
      case IDR_SLICE:
        return KEY_FRAME_START;
      case SLICE:
        return this.#lookAtSlice(unit);
      case SPS:
        return isWhole ? this.#keepSequenceParameters(unit) : NOTHING;
      case PPS:
        if (isWhole) this.#keepPictureParameters(unit);
        return NOTHING;
      default:
        return NOTHING;
    }
  }

  /** slice_type 1 and 6 are B (table 7-6). */
  #lookAtSlice(unit: Buffer): number {
    if (!this.#mayReorder || this.#parameters.hasBFrames) return NOTHING;
    const reader = new BitReader(unit.subarray(1, 12));
    reader.unsignedGolomb(); // first_mb_in_slice
    const sliceType = reader.unsignedGolomb();
    if (reader.overrun || sliceType % 5 !== 1) return NOTHING;
    this.#parameters = { ...this.#parameters, hasBFrames: true };
    return PARAMETERS_CHANGED;
  }

  #keepSequenceParameters(unit: Buffer): number {
    if (unit.length > MAX_PARAMETER_SET_BYTES || this.#sps?.equals(unit) === true) return NOTHING;
    const parsed = parseSequenceParameters(unit);
    if (parsed === undefined) return NOTHING;
    const isFirst = this.#sps === undefined;
    this.#sps = Buffer.from(unit);
    // Picture parameters refer to the sequence parameters they came with.
    this.#pps.clear();
    this.#mayReorder = parsed.mayReorder;
    const { width, height, profileLevelId } = parsed;
    this.#parameters = { width, height, profileLevelId, hasBFrames: false };
    this.#rebuildPreamble();
    return isFirst ? PARAMETERS_CHANGED : PARAMETERS_CHANGED | CACHE_VOID;
  }

  #keepPictureParameters(unit: Buffer): void {
    if (unit.length < 2 || unit.length > MAX_PARAMETER_SET_BYTES) return;
    const id = new BitReader(unit.subarray(1)).unsignedGolomb();
    if (this.#pps.get(id)?.equals(unit) === true) return;
    this.#pps.delete(id);
    this.#pps.set(id, Buffer.from(unit));
    if (this.#pps.size > MAX_PICTURE_PARAMETER_SETS) {
      const oldest = this.#pps.keys().next();
      if (oldest.done !== true) this.#pps.delete(oldest.value);
    }
    this.#rebuildPreamble();
  }

  /** One STAP-A with everything a decoder needs (RFC 6184 section 5.7.1). */
  #rebuildPreamble(): void {
    if (this.#sps === undefined || this.#pps.size === 0) {
      this.#preamble = undefined;
      return;
    }
    const parts: Buffer[] = [Buffer.from([0x60 | STAP_A])];
    for (const unit of [this.#sps, ...this.#pps.values()]) {
      parts.push(Buffer.from([unit.length >>> 8, unit.length & 0xff]), unit);
    }
    this.#preamble = Buffer.concat(parts);
  }
}
