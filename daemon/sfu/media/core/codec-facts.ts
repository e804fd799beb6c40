/** The words between codec eyes and the source: packet bits and stream parameters. */

/** What a packet is, as bits of one number: no object per packet. */
export const NOTHING = 0;
/** The packet starts the coded key frame itself; parameter sets in front of it do not count. */
export const KEY_FRAME_START = 1;
/** `parameters` changed. */
export const PARAMETERS_CHANGED = 2;
/** What came before cannot be decoded with what follows: the cached pictures are void. */
export const CACHE_VOID = 4;

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
  /** Looks at the next packet in order. The payload may be kept and must not change. @returns bits. */
  look(payload: Buffer): number;
  /** True when this packet alone shows that a key frame starts; changes no state. */
  startsKeyFrame(payload: Buffer): boolean;
}

/** Parameters of a stream nothing is known of yet. */
export function unknownParameters(): StreamParameters {
  return { width: null, height: null, profileLevelId: null, hasBFrames: false };
}
