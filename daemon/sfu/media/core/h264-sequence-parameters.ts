/** The fields of an H.264 sequence parameter set (ITU-T H.264 section 7.3.2.1) that a viewer's SDP and page need. */
import { BitReader, removeEmulationPrevention } from './bit-reader.ts';

export type SequenceParameters = {
  width: number;
  height: number;
  /** profile_idc, constraint flags and level_idc as six hex digits (RFC 6184 section 8.1). */
  profileLevelId: string;
  /** False when the set itself rules out pictures that are shown in another order than sent. */
  mayReorder: boolean;
};

/** Profiles whose SPS carries chroma format and scaling lists (section 7.3.2.1.1). */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const MAX_DIMENSION = 16_384;

/** Parses a whole SPS NAL unit, header byte included. @returns undefined when it is damaged. */
export function parseSequenceParameters(nalUnit: Uint8Array): SequenceParameters | undefined {
  if (nalUnit.length < 4) return undefined;
  const profileLevelId = Buffer.from(nalUnit.subarray(1, 4)).toString('hex');
  const profile = nalUnit[1] ?? 0;
  const constraints = nalUnit[2] ?? 0;
  const reader = new BitReader(removeEmulationPrevention(nalUnit.subarray(4)));
  reader.unsignedGolomb(); // seq_parameter_set_id
  let chromaFormat = 1;
  let separatePlanes = 0;
  if (HIGH_PROFILES.has(profile)) {
    chromaFormat = reader.unsignedGolomb();
    if (chromaFormat === 3) separatePlanes = reader.bit();
    reader.unsignedGolomb(); // bit_depth_luma_minus8
    reader.unsignedGolomb(); // bit_depth_chroma_minus8
    reader.bit(); // qpprime_y_zero_transform_bypass_flag
    if (reader.bit() === 1) skipScalingLists(reader, chromaFormat === 3 ? 12 : 8);
  }
  reader.unsignedGolomb(); // log2_max_frame_num_minus4
  const orderCountType = reader.unsignedGolomb();
  if (orderCountType === 0) {
    reader.unsignedGolomb(); // log2_max_pic_order_cnt_lsb_minus4
  } else if (orderCountType === 1) {
    reader.bit(); // delta_pic_order_always_zero_flag
    reader.signedGolomb(); // offset_for_non_ref_pic
    reader.signedGolomb(); // offset_for_top_to_bottom_field
    const cycle = reader.unsignedGolomb();
    if (cycle > 255) return undefined;
    for (let at = 0; at < cycle; at += 1) reader.signedGolomb();
  }
  reader.unsignedGolomb(); // max_num_ref_frames
  reader.bit(); // gaps_in_frame_num_value_allowed_flag
  const widthInMacroblocks = reader.unsignedGolomb() + 1;
  const heightInMapUnits = reader.unsignedGolomb() + 1;
  const framesOnly = reader.bit();
  if (framesOnly === 0) reader.bit(); // mb_adaptive_frame_field_flag
  reader.bit(); // direct_8x8_inference_flag
  const crop = { left: 0, right: 0, top: 0, bottom: 0 };
  if (reader.bit() === 1) {
    crop.left = reader.unsignedGolomb();
    crop.right = reader.unsignedGolomb();
    crop.top = reader.unsignedGolomb();
    crop.bottom = reader.unsignedGolomb();
  }
  if (reader.overrun) return undefined;
  // Table 6-1 and equations 7-19 to 7-22: crop units by chroma sampling.
  const arrayType = separatePlanes === 1 ? 0 : chromaFormat;
  const unitX = arrayType === 1 || arrayType === 2 ? 2 : 1;
  const unitY = (arrayType === 1 ? 2 : 1) * (2 - framesOnly);
  const width = widthInMacroblocks * 16 - unitX * (crop.left + crop.right);
  const height = heightInMapUnits * 16 * (2 - framesOnly) - unitY * (crop.top + crop.bottom);
  if (width < 1 || height < 1 || width > MAX_DIMENSION || height > MAX_DIMENSION) return undefined;
  // Baseline (66) has no B slices; order count type 2 means output order is decoding order.
  const reorderDepth = reader.bit() === 1 ? reorderDepthOfUsability(reader) : undefined;
  const intraOnly = (constraints & 0x10) !== 0 && [44, 86, 100, 110, 122, 244].includes(profile);
  const mayReorder = profile !== 66 && orderCountType !== 2 && reorderDepth !== 0 && !intraOnly;
  return { width, height, profileLevelId, mayReorder };
}

function skipScalingLists(reader: BitReader, lists: number): void {
  for (let list = 0; list < lists && !reader.overrun; list += 1) {
    if (reader.bit() === 0) continue;
    let last = 8;
    let next = 8;
    for (let at = 0; at < (list < 6 ? 16 : 64); at += 1) {
      if (next !== 0) next = (last + reader.signedGolomb() + 256) % 256;
      if (next !== 0) last = next;
    }
  }
}

/** max_num_reorder_frames of the VUI (annex E.1.1), undefined when it is not told. */
function reorderDepthOfUsability(reader: BitReader): number | undefined {
  if (reader.bit() === 1 && reader.bits(8) === 255) {
    reader.bits(16); // sar_width
    reader.bits(16); // sar_height
  }
  if (reader.bit() === 1) reader.bit(); // overscan
  if (reader.bit() === 1) {
    reader.bits(4); // video_format, video_full_range_flag
    if (reader.bit() === 1) reader.bits(24);
  }
  if (reader.bit() === 1) {
    reader.unsignedGolomb(); // chroma_sample_loc_type_top_field
    reader.unsignedGolomb();
  }
  if (reader.bit() === 1) {
    for (let words = 0; words < 4; words += 1) reader.bits(16); // num_units_in_tick, time_scale
    reader.bit(); // fixed_frame_rate_flag
  }
  const hasNal = reader.bit() === 1;
  if (hasNal) skipHypotheticalDecoder(reader);
  const hasVcl = reader.bit() === 1;
  if (hasVcl) skipHypotheticalDecoder(reader);
  if (hasNal || hasVcl) reader.bit(); // low_delay_hrd_flag
  reader.bit(); // pic_struct_present_flag
  if (reader.bit() === 0) return undefined;
  reader.bit(); // motion_vectors_over_pic_boundaries_flag
  for (let field = 0; field < 4; field += 1) reader.unsignedGolomb();
  const depth = reader.unsignedGolomb();
  return reader.overrun ? undefined : depth;
}

function skipHypotheticalDecoder(reader: BitReader): void {
  const count = reader.unsignedGolomb();
  reader.bits(8); // bit_rate_scale, cpb_size_scale
  for (let at = 0; at <= count && at < 32 && !reader.overrun; at += 1) {
    reader.unsignedGolomb();
    reader.unsignedGolomb();
    reader.bit();
  }
  reader.bits(20); // three delay lengths and time_offset_length
}
