/**
 * Attribute values of RFC 8489 section 14, RFC 8656 section 18 and RFC 6062 section 6.2. Readers return undefined for a
 * value of the wrong shape and never throw.
 */
import type { IpAddress, IpFamily } from '../../kit/ip-address.ts';
import { ATTRIBUTE, ERROR_REASONS, type TurnErrorCode } from './attribute-types.ts';
import { MAGIC_COOKIE, type StunAttribute } from './stun-message.ts';

const FAMILY_CODE: Record<IpFamily, number> = { 4: 0x01, 6: 0x02 };

export type Endpoint = { address: IpAddress; port: number };

/** XOR-MAPPED-, XOR-PEER- and XOR-RELAYED-ADDRESS. */
export function xorAddress(type: number, endpoint: Endpoint, transactionId: Buffer): StunAttribute {
  const { address, port } = endpoint;
  const value = Buffer.alloc(4 + address.bytes.length);
  value[1] = FAMILY_CODE[address.family];
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  const mask = xorMask(transactionId);
  for (let at = 0; at < address.bytes.length; at += 1) {
    value[4 + at] = (address.bytes[at] ?? 0) ^ (mask[at] ?? 0);
  }
  return { type, value };
}

export function readXorAddress(value: Buffer, transactionId: Buffer): Endpoint | undefined {
  if (value.length < 8) return undefined;
  const family = familyOf(value[1]);
  if (family === undefined || value.length !== (family === 4 ? 8 : 20)) return undefined;
  const mask = xorMask(transactionId);
  const bytes = Uint8Array.from(value.subarray(4), (byte, at) => byte ^ (mask[at] ?? 0));
  return { address: { family, bytes }, port: value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16) };
}

export function errorCode(code: TurnErrorCode): StunAttribute {
  const reason = Buffer.from(ERROR_REASONS[code], 'utf8');
  const value = Buffer.alloc(4 + reason.length);
  value[2] = Math.floor(code / 100);
  value[3] = code % 100;
  reason.copy(value, 4);
  return { type: ATTRIBUTE.ERROR_CODE, value };
}

/** @returns the number only: reason phrases are for people. */
export function readErrorCode(value: Buffer): number | undefined {
  const hundreds = value[2];
  const rest = value[3];
  if (hundreds === undefined || rest === undefined) return undefined;
  return (hundreds & 0x07) * 100 + rest;
}

/** RFC 8656 section 18.10: why one family of a dual allocation is missing. */
export function addressErrorCode(family: IpFamily, code: TurnErrorCode): StunAttribute {
  const { value } = errorCode(code);
  value[0] = FAMILY_CODE[family];
  return { type: ATTRIBUTE.ADDRESS_ERROR_CODE, value };
}

export function unknownAttributes(types: readonly number[]): StunAttribute {
  const value = Buffer.alloc(types.length * 2);
  types.forEach((type, at) => value.writeUInt16BE(type, at * 2));
  return { type: ATTRIBUTE.UNKNOWN_ATTRIBUTES, value };
}

export function lifetime(seconds: number): StunAttribute {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(seconds);
  return { type: ATTRIBUTE.LIFETIME, value };
}

export function readLifetime(value: Buffer): number | undefined {
  return value.length === 4 ? value.readUInt32BE(0) : undefined;
}

export function channelNumber(channel: number): StunAttribute {
  const value = Buffer.alloc(4);
  value.writeUInt16BE(channel);
  return { type: ATTRIBUTE.CHANNEL_NUMBER, value };
}

export function readChannelNumber(value: Buffer): number | undefined {
  return value.length === 4 ? value.readUInt16BE(0) : undefined;
}

/** RFC 6062 section 6.2.1. */
export function connectionId(id: number): StunAttribute {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(id);
  return { type: ATTRIBUTE.CONNECTION_ID, value };
}

export function readConnectionId(value: Buffer): number | undefined {
  return value.length === 4 ? value.readUInt32BE(0) : undefined;
}

export function requestedTransport(protocol: number): StunAttribute {
  return { type: ATTRIBUTE.REQUESTED_TRANSPORT, value: Buffer.from([protocol, 0, 0, 0]) };
}

export function readRequestedTransport(value: Buffer): number | undefined {
  return value.length === 4 ? value[0] : undefined;
}

export function addressFamily(
  type: typeof ATTRIBUTE.REQUESTED_ADDRESS_FAMILY | typeof ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY,
  family: IpFamily,
): StunAttribute {
  return { type, value: Buffer.from([FAMILY_CODE[family], 0, 0, 0]) };
}

/** @returns the family, `unsupported` for a code that is none, undefined for a wrong length. */
export function readAddressFamily(value: Buffer): IpFamily | 'unsupported' | undefined {
  if (value.length !== 4) return undefined;
  return familyOf(value[0]) ?? 'unsupported';
}

/** @returns whether the next port is to be reserved (the R bit), undefined for a wrong length. */
export function readEvenPort(value: Buffer): boolean | undefined {
  const first = value[0];
  return value.length === 1 && first !== undefined ? (first & 0x80) !== 0 : undefined;
}

export function text(type: number, value: string): StunAttribute {
  return { type, value: Buffer.from(value, 'utf8') };
}

function familyOf(code: number | undefined): IpFamily | undefined {
  if (code === FAMILY_CODE[4]) return 4;
  return code === FAMILY_CODE[6] ? 6 : undefined;
}

/** Magic cookie, then transaction id (RFC 8489 section 14.2). */
function xorMask(transactionId: Buffer): Buffer {
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(MAGIC_COOKIE, 0);
  transactionId.copy(mask, 4);
  return mask;
}
