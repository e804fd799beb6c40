/** Streams for tests: packets as encoders make them, with seeded randomness. */

/** Packets per fuzz test; TURNKEEP_FUZZ_RUNS makes long runs. */
export const FUZZ_RUNS = Number(process.env['TURNKEEP_FUZZ_RUNS'] ?? 100_000);

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

export const SPS_720 = hex('6742c01fd9005005bb0110000003001000000303c0f1832480');
export const SPS_360 = hex('674d401ed900a02ff970110000030001000003003c0f162e48');
export const PPS = hex('68cb83cb20');

/** RFC 6184 section 5.7.1. */
export function stapA(...units: Buffer[]): Buffer {
  const sized = units.flatMap((unit) => [Buffer.from([unit.length >> 8, unit.length & 0xff]), unit]);
  return Buffer.concat([Buffer.from([0x78]), ...sized]);
}

/** Repeatable numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** One NAL unit in FU-A packets; `frame` is written into every packet, so that a viewer can tell it. */
function fragments(type: number, frame: number, packets: number, bytes: number): Buffer[] {
  return Array.from({ length: packets }, (_, at) => {
    const payload = Buffer.alloc(bytes, at & 0xff);
    payload.writeUInt8(0x7c, 0);
    payload.writeUInt8((at === 0 ? 0x80 : at === packets - 1 ? 0x40 : 0) | type, 1);
    // An I or P slice header begins with 0x88 or 0x9a.
    payload.writeUInt8(type === 5 ? 0x88 : 0x9a, 2);
    payload.writeUInt32BE(frame, 4);
    return payload;
  });
}

export type StreamOptions = {
  packetsPerKeyFrame: number;
  packetsPerFrame: number;
  bytesPerPacket: number;
  /** VP9: how many spatial layers a picture has; one when it is not said. */
  layersOf?: (frame: number) => number;
  /** Parameter sets before each key frame, as two packets of their own. */
  sps?: Buffer;
  /** VP8: lines of the picture, and PictureID (15 bits) and TL0PICIDX of frame 0, one temporal layer of two. */
  height?: number;
  pictureId?: number;
};

/** The payloads of one H.264 access unit. */
export function h264Frame(frame: number, isKey: boolean, options: StreamOptions): Buffer[] {
  const { packetsPerKeyFrame, packetsPerFrame, bytesPerPacket } = options;
  if (!isKey) return fragments(1, frame, packetsPerFrame, bytesPerPacket);
  return [options.sps ?? SPS_720, PPS, ...fragments(5, frame, packetsPerKeyFrame, bytesPerPacket)];
}

/** The payloads of one VP8 frame of 640x480. */
export function vp8Frame(frame: number, isKey: boolean, options: StreamOptions): Buffer[] {
  const packets = isKey ? options.packetsPerKeyFrame : options.packetsPerFrame;
  if (options.pictureId !== undefined) return describedVp8Frame(frame, isKey, packets, options);
  return Array.from({ length: packets }, (_, at) => {
    const payload = Buffer.alloc(options.bytesPerPacket, at & 0xff);
    payload.writeUInt8(at === 0 ? 0x10 : 0x00, 0);
    payload.writeUInt8(isKey ? 0x50 : 0x51, 1);
    if (isKey && at === 0) hex('50420f9d012a8002e001').copy(payload, 1);
    payload.writeUInt32BE(frame, 12);
    return payload;
  });
}

/**
 * The payloads of one VP9 picture whose spatial layers depend on each other in key frames only; of two temporal layers.
 * Lines are 90 in the lowest and twice as many in each above. Frame and layer are in each packet.
 */
export function vp9Frame(frame: number, isKey: boolean, options: StreamOptions): Buffer[] {
  const layers = options.layersOf?.(frame) ?? 1;
  const packets = isKey ? options.packetsPerKeyFrame : options.packetsPerFrame;
  return Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: packets << layer }, (_, at) => {
      const payload = Buffer.alloc(options.bytesPerPacket, at & 0xff);
      const isFirst = at === 0;
      const hasSizes = isKey && isFirst && layer === 0;
      const isPredicted = !isKey;
      const ends = at === (packets << layer) - 1;
      payload.writeUInt8(
        0xa0 | (isPredicted ? 0x40 : 0) | (isFirst ? 8 : 0) | (ends ? 4 : 0) | (hasSizes ? 2 : 0),
        0,
      );
      payload.writeUInt16BE(0x8000 | (frame & 0x7fff), 1);
      const temporal = !isKey && frame % 2 === 1 ? 1 : 0;
      payload.writeUInt8((temporal << 5) | 0x10 | (layer << 1) | (isKey && layer > 0 ? 1 : 0), 3);
      payload.writeUInt8((frame >> 1) & 0xff, 4);
      if (hasSizes) payload.writeUInt8(((layers - 1) << 5) | 0x10, 5);
      for (let size = 0; hasSizes && size < layers; size += 1) {
        payload.writeUInt16BE(160 << size, 6 + size * 4);
        payload.writeUInt16BE(90 << size, 8 + size * 4);
      }
      payload.writeUInt32BE(frame, 40);
      payload.writeUInt8(layer, 44);
      return payload;
    }),
  ).flat();
}

/** With the extended descriptor (RFC 7741 section 4.2); every second frame is of the upper temporal layer. */
function describedVp8Frame(frame: number, isKey: boolean, packets: number, options: StreamOptions): Buffer[] {
  const first = options.pictureId ?? 0;
  const isUpper = !isKey && frame % 2 === 1;
  return Array.from({ length: packets }, (_, at) => {
    const payload = Buffer.alloc(options.bytesPerPacket, at & 0xff);
    payload.writeUInt8(at === 0 ? 0x90 : 0x80, 0);
    payload.writeUInt8(0xe0, 1);
    payload.writeUInt16BE(0x8000 | ((first + frame) & 0x7fff), 2);
    payload.writeUInt8((first + (frame >> 1)) & 0xff, 4);
    payload.writeUInt8(isUpper ? 0x40 : 0x00, 5);
    payload.writeUInt8(isKey ? 0x50 : 0x51, 6);
    const height = options.height ?? 480;
    if (isKey && at === 0) {
      hex('50420f9d012a').copy(payload, 6);
      payload.writeUInt16LE((height * 16) / 9, 12);
      payload.writeUInt16LE(height, 14);
    }
    payload.writeUInt32BE(frame, 20);
    return payload;
  });
}
