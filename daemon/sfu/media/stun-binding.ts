/**
 * The three STUN jobs of the shared media port (RFC 8489): read a Binding message's header and USERNAME,
 * check MESSAGE-INTEGRITY with a short-term password, build a Binding success. Everything else of ICE is
 * the ICE agent's. Pure; no allocation for messages that are refused by their header.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { parseIp } from '../../kit/ip-address.ts';

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const FINGERPRINT_XOR = 0x5354554e;
const INTEGRITY_BYTES = 20;
/** RFC 8489 section 14.3 allows 508 bytes of USERNAME; ICE's two fragments are far shorter. */
const MAX_USERNAME_BYTES = 512;

const ATTRIBUTE = {
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  XOR_MAPPED_ADDRESS: 0x0020,
  USE_CANDIDATE: 0x0025,
  FINGERPRINT: 0x8028,
  ICE_CONTROLLED: 0x8029,
  ICE_CONTROLLING: 0x802a,
} as const;

export type BindingClass = 'request' | 'indication' | 'success' | 'error';
const TYPES: Readonly<Record<number, BindingClass>> = {
  0x0001: 'request',
  0x0011: 'indication',
  0x0101: 'success',
  0x0111: 'error',
};

/** The role the sender of a check believes to have (RFC 8445 section 7.1.3). */
export type IceRole = 'controlling' | 'controlled';

export type BindingMessage = {
  class: BindingClass;
  /** 12 bytes as latin1 text: a map key. */
  transactionId: string;
  /** Empty when absent. */
  username: string;
  useCandidate: boolean;
  role: IceRole | undefined;
  /** Offset of the MESSAGE-INTEGRITY attribute's header; undefined when absent. */
  integrityAt: number | undefined;
};

/** @returns undefined when the bytes are no well-formed Binding message. The first of equal attributes wins. */
export function readBinding(datagram: Buffer): BindingMessage | undefined {
  if (datagram.length < HEADER_BYTES) return undefined;
  const kind = TYPES[datagram.readUInt16BE(0)];
  if (kind === undefined || datagram.readUInt32BE(4) !== MAGIC_COOKIE) return undefined;
  if (datagram.readUInt16BE(2) + HEADER_BYTES !== datagram.length || datagram.length % 4 !== 0) {
    return undefined;
  }
  const message: BindingMessage = {
    class: kind,
    transactionId: datagram.toString('latin1', 8, 20),
    username: '',
    useCandidate: false,
    role: undefined,
    integrityAt: undefined,
  };
  let sawUsername = false;
  for (let at = HEADER_BYTES; at < datagram.length;) {
    if (at + 4 > datagram.length) return undefined;
    const type = datagram.readUInt16BE(at);
    const length = datagram.readUInt16BE(at + 2);
    const end = at + 4 + length;
    if (end > datagram.length) return undefined;
    if (type === ATTRIBUTE.MESSAGE_INTEGRITY) {
      if (length !== INTEGRITY_BYTES) return undefined;
      message.integrityAt = at;
      return message; // RFC 8489 section 14.5: what follows it is not protected and is ignored.
    }
    if (type === ATTRIBUTE.USERNAME && !sawUsername) {
      if (length > MAX_USERNAME_BYTES) return undefined;
      sawUsername = true;
      message.username = datagram.toString('utf8', at + 4, end);
    } else if (type === ATTRIBUTE.USE_CANDIDATE) {
      message.useCandidate = true;
    } else if (type === ATTRIBUTE.ICE_CONTROLLED || type === ATTRIBUTE.ICE_CONTROLLING) {
      message.role ??= type === ATTRIBUTE.ICE_CONTROLLED ? 'controlled' : 'controlling';
    }
    at = end + ((4 - (length % 4)) % 4);
  }
  return message;
}

/** RFC 8489 section 14.5 with a short-term credential: the key is the password. */
export function hasIntegrity(datagram: Buffer, message: BindingMessage, password: string): boolean {
  const at = message.integrityAt;
  if (at === undefined || at + 4 + INTEGRITY_BYTES > datagram.length) return false;
  const header = Buffer.from(datagram.subarray(0, HEADER_BYTES));
  // The length of the header counts up to and with MESSAGE-INTEGRITY, whatever follows it.
  header.writeUInt16BE(at + 4 + INTEGRITY_BYTES - HEADER_BYTES, 2);
  const mac = createHmac('sha1', password)
    .update(header)
    .update(datagram.subarray(HEADER_BYTES, at))
    .digest();
  return timingSafeEqual(mac, datagram.subarray(at + 4, at + 4 + INTEGRITY_BYTES));
}

/** Binding success for a request: XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY, FINGERPRINT. */
export function bindingSuccess(request: Buffer, address: string, port: number, password: string): Buffer {
  const ip = parseIp(address)?.bytes ?? new Uint8Array(4);
  const addressBytes = 4 + ip.length;
  const length = 4 + addressBytes + 4 + INTEGRITY_BYTES + 8;
  const message = Buffer.alloc(HEADER_BYTES + length);
  message.writeUInt16BE(0x0101, 0);
  request.copy(message, 4, 4, HEADER_BYTES);
  let at = HEADER_BYTES;
  message.writeUInt16BE(ATTRIBUTE.XOR_MAPPED_ADDRESS, at);
  message.writeUInt16BE(addressBytes, at + 2);
  message.writeUInt8(ip.length === 4 ? 1 : 2, at + 5);
  message.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), at + 6);
  // Cookie and transaction id are consecutive in the header: the XOR pad of RFC 8489 section 14.2.
  for (const [index, byte] of ip.entries()) message[at + 8 + index] = byte ^ (message[4 + index] ?? 0);
  at += 4 + addressBytes;
  message.writeUInt16BE(at + 4 + INTEGRITY_BYTES - HEADER_BYTES, 2);
  message.writeUInt16BE(ATTRIBUTE.MESSAGE_INTEGRITY, at);
  message.writeUInt16BE(INTEGRITY_BYTES, at + 2);
  createHmac('sha1', password)
    .update(message.subarray(0, at))
    .digest()
    .copy(message, at + 4);
  at += 4 + INTEGRITY_BYTES;
  message.writeUInt16BE(length, 2);
  message.writeUInt16BE(ATTRIBUTE.FINGERPRINT, at);
  message.writeUInt16BE(4, at + 2);
  message.writeUInt32BE((crc32(message.subarray(0, at)) ^ FINGERPRINT_XOR) >>> 0, at + 4);
  return message;
}
