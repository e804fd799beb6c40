/** One RFC 2136 message as nsupdate(1) takes it: the server carries it out whole or not at all. Pure. */
import { canonicalIp, parseIp } from '../../kit/ip-address.ts';

export type DnsZone = {
  /** Address and port of the primary. */
  server: { host: string; port: number };
  zone: string;
  ttlSeconds: number;
};

/** SHA-256 in base64url. */
const CHALLENGE_TEXT = /^[A-Za-z0-9_-]{43}$/;
/** Nobody should remember a record that lives for seconds. */
const CHALLENGE_TTL_SECONDS = 30;
const NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}$/;

/**
 * Sets the addresses of a name; none: the name has no address any more. Its other records stay. Throws a RangeError
 * for what is no name in the zone or no address: it would be another command.
 */
export function nsupdateScript(zone: DnsZone, name: string, addresses: readonly string[]): string {
  requireInZone(zone, name);
  const adds = addresses.map((address) => {
    const canonical = canonicalIp(address);
    if (canonical === undefined) throw new RangeError(`${address} is no address`);
    const type = parseIp(canonical)?.family === 6 ? 'AAAA' : 'A';
    return `update add ${name}. ${String(zone.ttlSeconds)} ${type} ${canonical}`;
  });
  return message(zone, [`update delete ${name}. A`, `update delete ${name}. AAAA`, ...adds]);
}

/**
 * Adds or deletes one TXT record that proves to an authority who has `name` (RFC 8555 section 8.4); those of others
 * who prove the same at the same time stay. Throws a RangeError for what is no name in the zone or no such text.
 */
export function challengeScript(
  zone: DnsZone,
  name: string,
  change: { verb: 'add' | 'delete'; text: string },
): string {
  requireInZone(zone, name);
  if (!CHALLENGE_TEXT.test(change.text)) throw new RangeError('This is no digest of a key authorization');
  const record = challengeName(name);
  const ttl = change.verb === 'add' ? `${String(CHALLENGE_TTL_SECONDS)} ` : '';
  return message(zone, [`update ${change.verb} ${record}. ${ttl}TXT "${change.text}"`]);
}

export function challengeName(name: string): string {
  return `_acme-challenge.${name}`;
}

function requireInZone({ zone }: DnsZone, name: string): void {
  if (NAME.test(name) && name.endsWith(`.${zone}`)) return;
  throw new RangeError(`The name ${name} is not in the zone ${zone}: correct turn.hostName or dns.zone.`);
}

function message({ server, zone }: DnsZone, updates: string[]): string {
  const head = [`server ${server.host} ${String(server.port)}`, `zone ${zone}.`];
  return [...head, ...updates, 'send', ''].join('\n');
}
