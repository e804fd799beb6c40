/** Who makes the DNS records of the TURN services: somebody else, or this process by dynamic update. */
import { splitEndpoint, type DaemonConfig } from './contract/daemon-config.ts';
import { NO_DNS } from './namespaces/node-dns.ts';
import type { DnsRecords } from './namespaces/system.ts';
import { Rfc2136Dns } from './system/dns/rfc2136-dns.ts';

export function openDns({ dns }: Pick<DaemonConfig, 'dns'>): DnsRecords {
  const { manager, zone, keyFile, ttlSeconds } = dns;
  const server = splitEndpoint(dns.server ?? '');
  // The schema refuses the one without the others.
  if (manager === 'none' || server === undefined || zone === null || keyFile === null) return NO_DNS;
  return new Rfc2136Dns({ server, zone, keyFile, ttlSeconds });
}
