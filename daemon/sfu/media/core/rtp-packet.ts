/**
 * RTP headers as bytes (RFC 3550 section 5.1, RFC 8285 extensions): parsing with bounds before every read
 * into one reusable object, and the header words a downlink writes.
 */

export const RTP_FIXED_HEADER_BYTES = 12;
const ONE_BYTE_PROFILE = 0xbede;
const TWO_BYTE_PROFILE = 0x1000;

/** A parsed header. Filled by `parseRtpHeader`; one object serves every packet of a peer. */
export type RtpHeader = {
  payloadType: number;
  marker: boolean;
  hasPadding: boolean;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  /** Everything before the payload: fixed part, CSRCs, extension. */
  headerBytes: number;
  /** RFC 8285 profile word; 0 without an extension. */
  extensionProfile: number;
  extensionAt: number;
  extensionEnd: number;
};

/** A header object to parse into. */
export function emptyRtpHeader(): RtpHeader {
  return {
    payloadType: 0,
    marker: false,
    hasPadding: false,
    sequenceNumber: 0,
    timestamp: 0,
    ssrc: 0,
    headerBytes: 0,
    extensionProfile: 0,
    extensionAt: 0,
    extensionEnd: 0,
  };
}

/** RFC 5761 section 4: RTCP packet types 192 to 223 are no RTP payload types. */
export function isRtcp(datagram: Buffer): boolean {
  const second = datagram[1] ?? 0;
  return second >= 192 && second <= 223;
}

/** Reads the header of `packet`. @returns false when it is no RTP or shorter than it says. */
export function parseRtpHeader(packet: Buffer, into: RtpHeader): boolean {
  if (packet.length < RTP_FIXED_HEADER_BYTES) return false;
  const first = packet.readUInt8(0);
  if (first >>> 6 !== 2) return false;
  const second = packet.readUInt8(1);
  let end = RTP_FIXED_HEADER_BYTES + (first & 0x0f) * 4;
  into.hasPadding = (first & 0x20) !== 0;
  into.marker = (second & 0x80) !== 0;
  into.payloadType = second & 0x7f;
  into.sequenceNumber = packet.readUInt16BE(2);
  into.timestamp = packet.readUInt32BE(4);
  into.ssrc = packet.readUInt32BE(8);
  into.extensionProfile = 0;
  into.extensionAt = 0;
  into.extensionEnd = 0;
  if ((first & 0x10) !== 0) {
    if (packet.length < end + 4) return false;
    into.extensionProfile = packet.readUInt16BE(end);
    into.extensionAt = end + 4;
    end += 4 + packet.readUInt16BE(end + 2) * 4;
    into.extensionEnd = end;
  }
  if (packet.length < end) return false;
  into.headerBytes = end;
  return true;
}

/**
 * Finds the element with this id in the one-byte or two-byte form (RFC 8285 sections 4.2 and 4.3).
 * @returns its position and length as `at * 256 + bytes`, or -1: no object for a packet that has one.
 */
export function findExtension(packet: Buffer, header: RtpHeader, id: number): number {
  const end = Math.min(header.extensionEnd, packet.length);
  let at = header.extensionAt;
  if (header.extensionProfile === ONE_BYTE_PROFILE) {
    while (at < end) {
      const byte = packet.readUInt8(at);
      if (byte === 0) {
        at += 1;
        continue;
      }
      const bytes = (byte & 0x0f) + 1;
      // Id 15 ends the list (RFC 8285 section 4.2).
      if (byte >>> 4 === 15 || at + 1 + bytes > end) return -1;
      if (byte >>> 4 === id) return (at + 1) * 256 + bytes;
      at += 1 + bytes;
    }
    return -1;
  }
  if ((header.extensionProfile & 0xfff0) !== TWO_BYTE_PROFILE) return -1;
  while (at < end) {
    const elementId = packet.readUInt8(at);
    if (elementId === 0) {
      at += 1;
      continue;
    }
    if (at + 2 > end) return -1;
    const bytes = packet.readUInt8(at + 1);
    if (at + 2 + bytes > end) return -1;
    if (elementId === id) return (at + 2) * 256 + bytes;
    at += 2 + bytes;
  }
  return -1;
}

/**
 * The payload without padding (RFC 3550 section 5.1).
 * @returns undefined when the padding count is impossible; an empty buffer for a packet of padding only.
 */
export function stripPadding(payload: Buffer, hasPadding: boolean): Buffer | undefined {
  if (!hasPadding) return payload;
  const count = payload[payload.length - 1] ?? 0;
  if (count === 0 || count > payload.length) return undefined;
  return payload.subarray(0, payload.length - count);
}

/**
 * The constant part of the headers of one SSRC: written per packet with three or a few word stores.
 * Extensions are written in the one-byte form, or in the two-byte form when an id or the MID needs it.
 */
export class RtpHeaderTemplate {
  readonly headerBytes: number;
  readonly #firstByte: number;
  #payloadType: number;
  readonly #ssrc: number;
  readonly #extensionWords: number[];
  /** Where the transport-wide number goes; 0 without one. */
  readonly transportNumberAt: number;

  /** @throws RangeError for an extension id or MID that cannot be written. */
  constructor(options: {
    payloadType: number;
    ssrc: number;
    mid: string;
    midExtensionId: number | undefined;
    transportCcExtensionId?: number | undefined;
  }) {
    this.#payloadType = options.payloadType;
    this.#ssrc = options.ssrc;
    const { bytes: extension, transportNumberAt } = writeExtensions(options);
    this.transportNumberAt = transportNumberAt === 0 ? 0 : RTP_FIXED_HEADER_BYTES + transportNumberAt;
    this.#extensionWords = [];
    for (let at = 0; extension !== undefined && at < extension.length; at += 4) {
      this.#extensionWords.push(extension.readUInt32BE(at));
    }
    this.#firstByte = extension === undefined ? 0x80 : 0x90;
    this.headerBytes = RTP_FIXED_HEADER_BYTES + (extension?.length ?? 0);
  }

  setPayloadType(payloadType: number): void {
    this.#payloadType = payloadType;
  }

  /** Writes the header into `out` at `start`. Sequence number and timestamp are taken modulo their size. */
  write(out: DataView, start: number, marker: boolean, sequenceNumber: number, timestamp: number): void {
    out.setUint8(start, this.#firstByte);
    out.setUint8(start + 1, marker ? this.#payloadType | 0x80 : this.#payloadType);
    out.setUint16(start + 2, sequenceNumber);
    out.setUint32(start + 4, timestamp);
    out.setUint32(start + 8, this.#ssrc);
    const words = this.#extensionWords;
    for (let at = 0; at < words.length; at += 1) out.setUint32(start + 12 + at * 4, words[at] ?? 0);
  }
}

/** The extension block with its header; `transportNumberAt` is 0 without that element. */
function writeExtensions(options: {
  mid: string;
  midExtensionId: number | undefined;
  transportCcExtensionId?: number | undefined;
}): { bytes: Buffer | undefined; transportNumberAt: number } {
  const { mid, midExtensionId, transportCcExtensionId } = options;
  const elements: { id: number; content: Buffer }[] = [];
  // The number first: its place does not depend on the MID.
  if (transportCcExtensionId !== undefined) {
    elements.push({ id: transportCcExtensionId, content: Buffer.alloc(2) });
  }
  if (midExtensionId !== undefined) elements.push({ id: midExtensionId, content: Buffer.from(mid, 'utf8') });
  if (elements.length === 0) return { bytes: undefined, transportNumberAt: 0 };
  for (const { id, content } of elements) {
    if (id < 1 || id > 255 || content.length === 0 || content.length > 255) {
      throw new RangeError(`MID "${mid}" cannot be written as extension ${String(id)}`);
    }
  }
  const isOneByte = elements.every(({ id, content }) => id <= 14 && content.length <= 16);
  const body = Buffer.concat(
    elements.flatMap(({ id, content }) => [
      isOneByte ? Buffer.from([(id << 4) | (content.length - 1)]) : Buffer.from([id, content.length]),
      content,
    ]),
  );
  const words = Math.ceil(body.length / 4);
  const bytes = Buffer.alloc(4 + words * 4);
  bytes.writeUInt16BE(isOneByte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE, 0);
  bytes.writeUInt16BE(words, 2);
  body.copy(bytes, 4);
  const transportNumberAt = transportCcExtensionId === undefined ? 0 : isOneByte ? 5 : 6;
  return { bytes, transportNumberAt };
}
