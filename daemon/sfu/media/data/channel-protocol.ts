/** The Data Channel Establishment Protocol (RFC 8832) and the payload identifiers of RFC 8831 section 8. Pure. */

export const PAYLOAD = {
  control: 50,
  text: 51,
  binary: 53,
  emptyText: 56,
  emptyBinary: 57,
} as const;

/** A DATA_CHANNEL_OPEN message (RFC 8832 section 5.1). */
export type ChannelOpen = {
  label: string;
  ordered: boolean;
  /** False: what is late may be left out. */
  reliable: boolean;
  /** For how long a message is worth sending, where the channel says so; undefined: it does not. */
  lifetimeMs: number | undefined;
};

const ACK = 0x02;
const OPEN = 0x03;
const OPEN_HEADER_BYTES = 12;
const UNORDERED = 0x80;
const TIMED = 0x02;
const MAX_LABEL_BYTES = 64;

/** @returns undefined for anything that is not an OPEN with a label of at most 64 bytes. */
export function readOpen(message: Buffer): ChannelOpen | undefined {
  if (message.length < OPEN_HEADER_BYTES || message[0] !== OPEN) return undefined;
  const type = message.readUInt8(1);
  const reliability = type & ~UNORDERED;
  const labelBytes = message.readUInt16BE(8);
  const protocolBytes = message.readUInt16BE(10);
  if (reliability > TIMED || labelBytes > MAX_LABEL_BYTES) return undefined;
  if (message.length !== OPEN_HEADER_BYTES + labelBytes + protocolBytes) return undefined;
  return {
    label: message.toString('utf8', OPEN_HEADER_BYTES, OPEN_HEADER_BYTES + labelBytes),
    ordered: (type & UNORDERED) === 0,
    reliable: reliability === 0,
    lifetimeMs: reliability === TIMED ? message.readUInt32BE(4) : undefined,
  };
}

export function isOpen(message: Buffer): boolean {
  return message[0] === OPEN;
}

/** DATA_CHANNEL_ACK (RFC 8832 section 5.2). */
export function acknowledgement(): Buffer {
  return Buffer.from([ACK]);
}
