/**
 * ChannelData (RFC 8656 section 12.4) and Data indications: the two forms in which relayed bytes
 * travel to a client. Called for every packet: one allocation each, no throw.
 */
import { randomFillSync } from 'node:crypto';
import type { IpAddress } from '../../kit/ip-address.ts';
import { ATTRIBUTE, METHOD } from './attribute-types.ts';
import { MAGIC_COOKIE, messageType, STUN_HEADER_BYTES, TRANSACTION_ID_BYTES } from './stun-message.ts';

export const CHANNEL_HEADER_BYTES = 4;
/** Framed range. RFC 8656 binds the lower quarter only, RFC 5766 all of it. */
export const CHANNEL_FIRST = 0x4000;
export const CHANNEL_LAST = 0x4fff;
export const CHANNEL_LAST_RFC5766 = 0x7fff;

const DATA_INDICATION = messageType('indication', METHOD.DATA);
const RANDOM_POOL = Buffer.alloc(TRANSACTION_ID_BYTES * 256);
let randomAt = RANDOM_POOL.length;

/** RFC 7983: 64 to 127 in the first byte is ChannelData, 0 to 63 STUN. */
export function isChannelData(firstByte: number): boolean {
  return (firstByte & 0xc0) === 0x40;
}

/** True when the header's length fits the bytes; padding after it is allowed (section 12.5). */
export function isWholeChannelData(bytes: Buffer, start = 0, end = bytes.length): boolean {
  const length = end - start;
  return length >= CHANNEL_HEADER_BYTES && CHANNEL_HEADER_BYTES + channelDataLength(bytes, start) <= length;
}

export function channelOf(bytes: Buffer, start = 0): number {
  return ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
}

/** The length field: payload bytes without padding. */
export function channelDataLength(bytes: Buffer, start = 0): number {
  return ((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0);
}

/** The four bytes in front of a payload, as a number in network byte order. */
export function channelDataHeader(channel: number, length: number): number {
  return (channel << 16) | length;
}

/** Frames a payload. Over a stream it is padded with zeros to a multiple of four. */
export function buildChannelData(channel: number, payload: Buffer, options: { padded: boolean }): Buffer {
  const end = CHANNEL_HEADER_BYTES + payload.length;
  const total = options.padded ? (end + 3) & ~3 : end;
  const bytes = Buffer.allocUnsafe(total);
  bytes[0] = channel >> 8;
  bytes[1] = channel & 0xff;
  bytes[2] = payload.length >> 8;
  bytes[3] = payload.length & 0xff;
  bytes.set(payload, CHANNEL_HEADER_BYTES);
  for (let at = end; at < total; at += 1) bytes[at] = 0;
  return bytes;
}

/**
 * Longest payload of a Data indication from an IPv6 peer: the length of a STUN message has 16 bits and is a
 * multiple of four. A datagram of IPv6 can be 23 bytes longer, one of IPv4 never is.
 */
export const MAX_INDICATED_BYTES = 65_504;

/**
 * A Data indication (RFC 8656 section 11.3) with XOR-PEER-ADDRESS and DATA.
 * @param payload At most `MAX_INDICATED_BYTES` from an IPv6 peer: more cannot be written, and throws.
 */
export function buildDataIndication(peer: IpAddress, peerPort: number, payload: Buffer): Buffer {
  const addressBytes = peer.bytes.length;
  const dataAt = STUN_HEADER_BYTES + 8 + addressBytes;
  const end = dataAt + 4 + payload.length;
  const total = (end + 3) & ~3;
  const bytes = Buffer.allocUnsafe(total);
  bytes.writeUInt16BE(DATA_INDICATION, 0);
  bytes.writeUInt16BE(total - STUN_HEADER_BYTES, 2);
  bytes.writeUInt32BE(MAGIC_COOKIE, 4);
  if (randomAt === RANDOM_POOL.length) {
    randomFillSync(RANDOM_POOL);
    randomAt = 0;
  }
  RANDOM_POOL.copy(bytes, 8, randomAt, randomAt + TRANSACTION_ID_BYTES);
  randomAt += TRANSACTION_ID_BYTES;
  bytes.writeUInt16BE(ATTRIBUTE.XOR_PEER_ADDRESS, 20);
  bytes.writeUInt16BE(4 + addressBytes, 22);
  bytes[24] = 0;
  bytes[25] = peer.family === 4 ? 1 : 2;
  bytes.writeUInt16BE(peerPort ^ (MAGIC_COOKIE >>> 16), 26);
  // The mask is cookie and transaction id, which stand at offset 4 of this very message.
  for (let at = 0; at < addressBytes; at += 1) {
    bytes[28 + at] = (peer.bytes[at] ?? 0) ^ (bytes[4 + at] ?? 0);
  }
  bytes.writeUInt16BE(ATTRIBUTE.DATA, dataAt);
  bytes.writeUInt16BE(payload.length, dataAt + 2);
  bytes.set(payload, dataAt + 4);
  for (let at = end; at < total; at += 1) bytes[at] = 0;
  return bytes;
}
