/** The payload descriptor of VP9 (RFC 9628 section 4.2): where its fields are, and what they say of layers. */
import { LAYER_END, NOTHING, SPATIAL_SHIFT, SWITCHING_POINT, TEMPORAL_SHIFT } from './codec-facts.ts';

/** Bits of the first byte. */
const PICTURE_ID = 0x80;
const INTER_PREDICTED = 0x40;
const LAYER_INDICES = 0x20;
const FLEXIBLE = 0x10;
const START_OF_FRAME = 0x08;
const END_OF_FRAME = 0x04;
const SCALABILITY_STRUCTURE = 0x02;
/** Of the byte with TID, U, SID and D. */
const SWITCHING_UP = 0x10;
/** Of the scalability structure: sizes are in it. */
const RESOLUTIONS = 0x10;
const SIZE_BYTES = 4;

/** TID, U, SID and D of a packet with layer indices; 0, which is the lowest of each, without. */
function layerIndices(payload: Buffer): number {
  if (((payload[0] ?? 0) & LAYER_INDICES) === 0) return 0;
  return payload[afterPictureId(payload)] ?? 0;
}

/** @returns layers, end of a layer's picture and switching points, as bits of codec-facts.ts. */
export function vp9LayerFacts(payload: Buffer): number {
  const first = payload[0] ?? 0;
  if ((first & LAYER_INDICES) === 0) return NOTHING;
  const indices = layerIndices(payload);
  const temporal = indices >>> 5;
  const spatial = (indices >>> 1) & 7;
  // Of a higher temporal layer it says nothing of the pictures between that and the lowest.
  const isSwitchingPoint = temporal === 0 && (indices & SWITCHING_UP) !== 0;
  return (
    (spatial << SPATIAL_SHIFT) |
    (temporal << TEMPORAL_SHIFT) |
    ((first & END_OF_FRAME) === 0 ? NOTHING : LAYER_END) |
    (isSwitchingPoint ? SWITCHING_POINT : NOTHING)
  );
}

/** A frame that starts, predicts from no other picture, and belongs to the lowest spatial layer. */
export function vp9StartsKeyFrame(payload: Buffer): boolean {
  const first = payload[0] ?? INTER_PREDICTED;
  if ((first & (INTER_PREDICTED | START_OF_FRAME)) !== START_OF_FRAME) return false;
  if ((first & LAYER_INDICES) === 0) return payload.length > 1;
  return payload.length > afterPictureId(payload) && ((layerIndices(payload) >>> 1) & 7) === 0;
}

/**
 * Of each spatial layer's picture, from the lowest (section 4.2.1); empty where nothing is said.
 * @param payload of a packet that starts a key frame: it names no reference pictures.
 */
export function vp9Sizes(payload: Buffer): { width: number; height: number }[] {
  const first = payload[0] ?? 0;
  if ((first & SCALABILITY_STRUCTURE) === 0) return [];
  let at = afterPictureId(payload);
  // The second byte is TL0PICIDX.
  if ((first & LAYER_INDICES) !== 0) at += (first & FLEXIBLE) !== 0 ? 1 : 2;
  const structure = payload[at] ?? 0;
  const layers = (structure >>> 5) + 1;
  at += 1;
  if ((structure & RESOLUTIONS) === 0 || at + layers * SIZE_BYTES > payload.length) return [];
  return Array.from({ length: layers }, (_, layer) => ({
    width: payload.readUInt16BE(at + layer * SIZE_BYTES),
    height: payload.readUInt16BE(at + layer * SIZE_BYTES + 2),
  }));
}

/** Where the byte after the PictureID is, which has 7 or 15 bits. */
function afterPictureId(payload: Buffer): number {
  if (((payload[0] ?? 0) & PICTURE_ID) === 0) return 1;
  return ((payload[1] ?? 0) & 0x80) !== 0 ? 3 : 2;
}
