/**
 * IP addresses as bytes with one canonical spelling. `::ffff:1.2.3.4` is the IPv4 address it hides
 * (RFC 4291 section 2.5.5.2): policy is never decided on an encoding.
 */
import { isIPv4, isIPv6 } from 'node:net';

export type IpFamily = 4 | 6;
/** `bytes` has 4 or 16 entries, by family. */
export type IpAddress = { family: IpFamily; bytes: Uint8Array };

/** Parses a textual address without zone or port. @returns undefined when it is none. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, bytes: Uint8Array.from(text.split('.'), Number) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const bytes = new Uint8Array(16);
  const [headText = '', tailText] = text.split('::');
  const head = groups(headText);
  const tail = tailText === undefined ? [] : groups(tailText);
  const put = (list: number[], from: number): void => {
    list.forEach((group, index) => {
      bytes[from + index * 2] = group >> 8;
      bytes[from + index * 2 + 1] = group & 0xff;
    });
  };
  put(head, 0);
  put(tail, 16 - tail.length * 2);
  return { family: 6, bytes };
}

/** The canonical text: dotted quad, or RFC 5952 for IPv6. */
export function formatIp(address: IpAddress): string {
  const { bytes } = address;
  if (address.family === 4) return bytes.join('.');
  const list: number[] = [];
  for (let at = 0; at < 16; at += 2) list.push(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  let bestAt = -1;
  let bestLength = 1;
  for (let at = 0; at < 8; at += 1) {
    let length = 0;
    while (at + length < 8 && list[at + length] === 0) length += 1;
    if (length > bestLength) {
      bestAt = at;
      bestLength = length;
    }
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (bestAt === -1) return hex(list);
  return `${hex(list.slice(0, bestAt))}::${hex(list.slice(bestAt + bestLength))}`;
}

/** The IPv4 address inside a v4-mapped IPv6 address; any other address unchanged. */
export function unmapped(address: IpAddress): IpAddress {
  if (address.family === 4) return address;
  const { bytes } = address;
  for (let at = 0; at < 10; at += 1) if (bytes[at] !== 0) return address;
  if (bytes[10] !== 0xff || bytes[11] !== 0xff) return address;
  return { family: 4, bytes: bytes.slice(12) };
}

/** Canonical text of any spelling, v4-mapped folded. @returns undefined when it is no address. */
export function canonicalIp(text: string): string | undefined {
  const parsed = parseIp(text);
  return parsed === undefined ? undefined : formatIp(unmapped(parsed));
}

export function isUnspecified(address: IpAddress): boolean {
  return address.bytes.every((byte) => byte === 0);
}

export function isLoopback(address: IpAddress): boolean {
  const plain = unmapped(address);
  if (plain.family === 4) return plain.bytes[0] === 127;
  return plain.bytes.every((byte, at) => byte === (at === 15 ? 1 : 0));
}

/** RFC 1918, RFC 6598 (carrier NAT), RFC 4193 (ULA) and loopback: addresses a shield may have. */
export function isPrivate(address: IpAddress): boolean {
  const plain = unmapped(address);
  if (isLoopback(plain)) return true;
  const [a = 0, b = 0] = plain.bytes;
  if (plain.family === 6) return (a & 0xfe) === 0xfc;
  return (
    a === 10 ||
    (a === 172 && (b & 0xf0) === 16) ||
    (a === 192 && b === 168) ||
    (a === 100 && (b & 0xc0) === 64)
  );
}

/** `address:port` with brackets round IPv6. */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}
