/**
 * RTP headers as bytes (RFC 3550 section 5.1, RFC 8285 extensions): parsing with bounds before every read
 * into one reusable object.
 */

export const RTP_FIXED_HEADER_BYTES = 12;
export const ONE_BYTE_PROFILE = 0xbede;
export const TWO_BYTE_PROFILE = 0x1000;

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
