/** One RFC 2136 message as nsupdate(1) takes it: the server carries it out whole or not at all. Pure. */
import { canonicalIp, parseIp } from '../../kit/ip-address.ts';

export type DnsZone = {
  /** Address and port of the primary. */
  server: { host: string; port: number };
  zone: string;
  ttlSeconds: number;
};

const NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}$/;

/**
 * Sets the addresses of a name; none: the name has no address any more. Its other records stay. Throws a RangeError
 * for what is no name in the zone or no address: it would be another command.
 */
export function nsupdateScript(
  { server, zone, ttlSeconds }: DnsZone,
  name: string,
  addresses: readonly string[],
): string {
  if (!NAME.test(name) || !name.endsWith(`.${zone}`)) {
    throw new RangeError(`The name ${name} is not in the zone ${zone}: correct turn.hostName or dns.zone.`);
  }
  const adds = addresses.map((address) => {
    const canonical = canonicalIp(address);
    if (canonical === undefined) throw new RangeError(`${address} is no address`);
    const type = parseIp(canonical)?.family === 6 ? 'AAAA' : 'A';
    return `update add ${name}. ${String(ttlSeconds)} ${type} ${canonical}`;
  });
  return [
    `server ${server.host} ${String(server.port)}`,
    `zone ${zone}.`,
    `update delete ${name}. A`,
    `update delete ${name}. AAAA`,
    ...adds,
    'send',
    '',
  ].join('\n');
}
