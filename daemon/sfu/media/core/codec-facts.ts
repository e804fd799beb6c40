/** The words between codec eyes and the source: packet bits and stream parameters. */

/** What a packet is, as bits of one number: no object per packet. */
export const NOTHING = 0;
/** The packet starts the coded key frame itself; parameter sets in front of it do not count. */
export const KEY_FRAME_START = 1;
/** `parameters` changed. */
export const PARAMETERS_CHANGED = 2;
/** What came before cannot be decoded with what follows: the cached pictures are void. */
export const CACHE_VOID = 4;
/** The packet ends a picture of its spatial layer. This and what follows is told only where there are layers. */
export const LAYER_END = 8;
/** Pictures of higher temporal layers that follow depend on none of theirs before this one. */
export const SWITCHING_POINT = 16;
/** The packet is of a key frame; set by the source. */
export const KEY_FRAME = 32;
/** Three bits from here on: the spatial layer of the packet. */
export const SPATIAL_SHIFT = 8;
/** Three bits from here on: the temporal layer of the packet. */
export const TEMPORAL_SHIFT = 11;

export function spatialLayerOf(facts: number): number {
  return (facts >>> SPATIAL_SHIFT) & 7;
}

export function temporalLayerOf(facts: number): number {
  return (facts >>> TEMPORAL_SHIFT) & 7;
}

export type StreamParameters = {
  width: number | null;
  height: number | null;
  profileLevelId: string | null;
  hasBFrames: boolean;
};

export interface CodecEye {
  readonly parameters: Readonly<StreamParameters>;
  /** Payload of a packet that must reach a decoder before a key frame: the parameter sets, else undefined. */
  readonly preamble: Buffer | undefined;
  /** Lines of each spatial layer, as the last key frame told; absent where no stream of the codec has layers. */
  readonly layerHeights?: readonly number[];
  /**
   * Looks at the next packet in order. The payload may be kept and must not change.
   * @param element See header-element.ts. @returns bits.
   */
  look(payload: Buffer, element?: Buffer): number;
  /** True when this packet alone shows that a key frame starts; changes no state. */
  startsKeyFrame(payload: Buffer): boolean;
}

/** @returns the same object where the size is no other one, or is not known. */
export function withSize(
  parameters: StreamParameters,
  size: { width: number; height: number } | undefined,
): StreamParameters {
  if (size === undefined) return parameters;
  const { width, height } = size;
  const isSame = width === parameters.width && height === parameters.height;
  return isSame ? parameters : { ...parameters, width, height };
}

/** Parameters of a stream nothing is known of yet. */
export function unknownParameters(): StreamParameters {
  return { width: null, height: null, profileLevelId: null, hasBFrames: false };
}
