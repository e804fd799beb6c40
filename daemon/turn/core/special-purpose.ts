/**
 * Addresses a public relay never sends to: the special-purpose registries of IANA (RFC 6890, as updated),
 * multicast, and everything of IPv6 outside the global unicast block, which IANA has not given out.
 */
import { parseIp, type IpAddress } from '../../kit/ip-address.ts';

const IPV4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier NAT
  '127.0.0.0/8',
  '168.63.129.16/32', // in no registry: the metadata service of a cloud, seen from its guests only
  '169.254.0.0/16', // link-local, with the metadata services of the other clouds
  '172.16.0.0/12',
  '192.0.0.0/24', // IETF protocol assignments
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT
  '192.88.99.0/24', // 6to4 relays, deprecated
  '192.168.0.0/16',
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, with 255.255.255.255
];

/** Inside 2000::/3, the only block of IPv6 that may be a peer at all. */
const IPV6 = [
  '2001::/23', // IETF protocol assignments: Teredo, benchmarking, ORCHID and more
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '2620:4f:8000::/48', // AS112
  '3fff::/20', // documentation
];

type Prefix = { bytes: Uint8Array; bits: number };

const PREFIXES = { 4: IPV4.map(prefixOf), 6: IPV6.map(prefixOf) };

/** @param address a plain one: what a re-encoding hides is `plainAddress`'s to say. */
export function isSpecialPurpose(address: IpAddress): boolean {
  const { family, bytes } = address;
  if (family === 6 && ((bytes[0] ?? 0) & 0xe0) !== 0x20) return true;
  for (const prefix of PREFIXES[family]) if (isWithin(bytes, prefix)) return true;
  return false;
}

function isWithin(bytes: Uint8Array, prefix: Prefix): boolean {
  const whole = prefix.bits >> 3;
  for (let at = 0; at < whole; at += 1) if (bytes[at] !== prefix.bytes[at]) return false;
  const rest = prefix.bits & 7;
  return rest === 0 || (((bytes[whole] ?? 0) ^ (prefix.bytes[whole] ?? 0)) & (0xff00 >> rest) & 0xff) === 0;
}

function prefixOf(text: string): Prefix {
  const [address = '', bits = ''] = text.split('/');
  const parsed = parseIp(address);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return { bytes: parsed.bytes, bits: Number(bits) };
}
