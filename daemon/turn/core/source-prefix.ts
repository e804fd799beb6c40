/** Who counts as one source when nobody is authenticated yet. */
import { parseIp } from '../../kit/ip-address.ts';

const IPV6_PREFIX_BYTES = 8;

/** An IPv4 address, or the /64 that one IPv6 host owns: it may send from 2^64 addresses. */
export function sourcePrefix(address: string): string {
  if (!address.includes(':')) return address;
  const parsed = parseIp(address.split('%', 1)[0] ?? '');
  if (parsed === undefined) return address;
  return Buffer.from(parsed.bytes.subarray(0, IPV6_PREFIX_BYTES)).toString('hex');
}
