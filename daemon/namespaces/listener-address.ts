/** How this host reaches its own listeners. Pure. */
import { isUnspecified, parseIp } from '../kit/ip-address.ts';

/** @returns the loopback address of the family for a listener bound to all addresses. */
export function reachableAt(address: string): string {
  const parsed = parseIp(address);
  if (parsed === undefined || !isUnspecified(parsed)) return address;
  return parsed.family === 4 ? '127.0.0.1' : '::1';
}
