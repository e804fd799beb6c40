/**
 * The address behind an address: IPv6 forms that only carry an IPv4 address inside. A policy that decided
 * on the form would be blind to what a translator or a tunnel does with it.
 */
import { unmapped, type IpAddress } from '../../kit/ip-address.ts';

/** A form of 128 bits: its prefix, and where the four octets are. */
type Form = { prefix: readonly number[]; at: number; inverted?: true };

const zeros = (count: number): number[] => Array<number>(count).fill(0);

/** Looked through in this order: a prefix says more about where a packet goes than an interface identifier. */
const FORMS: readonly Form[] = [
  { prefix: [0x20, 0x02], at: 2 }, // 6to4, 2002::/16 (RFC 3056)
  { prefix: [0x20, 0x01, 0, 0], at: 12, inverted: true }, // Teredo, 2001::/32, the client (RFC 4380)
  { prefix: [0, 0x64, 0xff, 0x9b, ...zeros(8)], at: 12 }, // NAT64, 64:ff9b::/96 (RFC 6052)
  { prefix: [0, 0x64, 0xff, 0x9b, 0, 1, ...zeros(6)], at: 12 }, // NAT64 of the network's own (RFC 8215)
  { prefix: [...zeros(8), 0xff, 0xff, 0, 0], at: 12 }, // IPv4-translated, ::ffff:0:0:0/96 (RFC 2765)
];

/** 64:ff9b:1::/48, of which the network's operator chose a prefix of a length we do not know. */
const LOCAL_NAT64 = [0, 0x64, 0xff, 0x9b, 0, 1] as const;

/**
 * @returns the IPv4 address a re-encoding hides, any other address as it is, and undefined for a re-encoding
 *   of which nobody here can tell what it hides.
 */
export function plainAddress(written: IpAddress): IpAddress | undefined {
  if (written.family === 4) return written;
  const mapped = unmapped(written);
  if (mapped !== written) return mapped;
  const { bytes } = written;
  for (const { prefix, at, inverted } of FORMS) {
    if (startsWith(bytes, prefix)) return ipv4At(bytes, at, inverted === true ? 0xff : 0);
  }
  if (startsWith(bytes, LOCAL_NAT64)) return undefined;
  if (isIpv4Compatible(bytes) || isIsatap(bytes)) return ipv4At(bytes, 12, 0);
  return written;
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  for (let at = 0; at < prefix.length; at += 1) if (bytes[at] !== prefix[at]) return false;
  return true;
}

function ipv4At(bytes: Uint8Array, at: number, mask: number): IpAddress {
  return { family: 4, bytes: bytes.slice(at, at + 4).map((byte) => byte ^ mask) };
}

/** `::a.b.c.d` (RFC 4291 section 2.5.5.1); `::` and `::1` are addresses of their own. */
function isIpv4Compatible(bytes: Uint8Array): boolean {
  for (let at = 0; at < 12; at += 1) if (bytes[at] !== 0) return false;
  return bytes[12] !== 0 || bytes[13] !== 0 || bytes[14] !== 0 || (bytes[15] ?? 0) > 1;
}

/** Interface identifiers 0000:5efe and 0200:5efe, then the IPv4 address (RFC 5214 section 6.1). */
function isIsatap(bytes: Uint8Array): boolean {
  return ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
}
