/**
 * DNS records by dynamic update (RFC 2136), signed with a TSIG key (RFC 8945). The key stays in its file: it is in no
 * argument and in no variable.
 */
import { Resolver } from 'node:dns/promises';
import { canonicalIp, formatEndpoint } from '../../kit/ip-address.ts';
import { AdapterError } from '../../kit/errors.ts';
import type { DnsRecords } from '../../namespaces/system.ts';
import { nsupdateScript, type DnsZone } from './nsupdate-script.ts';
import { sendUpdate } from './send-update.ts';

const QUERY = { timeout: 2000, tries: 2 };

export class Rfc2136Dns implements DnsRecords {
  readonly manager = 'rfc2136';
  readonly #options: DnsZone & { keyFile: string };

  /** @param options.keyFile as `tsig-keygen` prints it. */
  constructor(options: DnsZone & { keyFile: string }) {
    this.#options = options;
  }

  async set(name: string, addresses: readonly string[]): Promise<void> {
    const { keyFile } = this.#options;
    const wanted = addresses.map((address) => canonicalIp(address) ?? address).sort();
    const script = nsupdateScript(this.#options, name, wanted);
    // What is right already costs the zone no new serial.
    if (same(await this.#addresses(name), wanted)) return;
    try {
      await sendUpdate(keyFile, script);
    } catch (error) {
      throw this.#failure(name, error instanceof Error ? error.message : '', error);
    }
    // A server takes an update of a name with a CNAME without doing anything (RFC 2136 section 3.4.2.2).
    const after = await this.#addresses(name);
    if (after === null || same(after, wanted)) return;
    throw this.#failure(name, `the name has ${after.join(', ') || 'no address'} instead; is there a CNAME?`);
  }

  async check(name: string, addresses: readonly string[]): Promise<string> {
    const { host, port } = this.#options.server;
    const wanted = addresses.map((address) => canonicalIp(address) ?? address).sort();
    const found = await this.#addresses(name);
    if (found === null) return `The DNS server ${formatEndpoint(host, port)} does not answer for ${name}.`;
    if (same(found, wanted)) return '';
    const has = found.length === 0 ? 'has no address' : `has ${found.join(', ')}`;
    return `${name} ${has} instead of ${wanted.join(', ') || 'none'}.`;
  }

  /** Null when the server answers no questions. */
  async #addresses(name: string): Promise<string[] | null> {
    const { host, port } = this.#options.server;
    const resolver = new Resolver(QUERY);
    resolver.setServers([formatEndpoint(host, port)]);
    try {
      const both = await Promise.all([
        resolver.resolve4(name).catch(noneOrThrow),
        resolver.resolve6(name).catch(noneOrThrow),
      ]);
      return both.flat().map((address) => canonicalIp(address) ?? address);
    } catch {
      return null;
    }
  }

  #failure(name: string, why: string, cause?: unknown): AdapterError {
    const { host, port } = this.#options.server;
    const server = formatEndpoint(host, port);
    return new AdapterError(
      `The DNS server ${server} did not set the records of ${name}: ${why} Check dns.server, dns.zone and the key in dns.keyFile.`,
      { operation: 'dns', target: name, retryable: true, cause },
    );
  }
}

function same(found: string[] | null, wanted: readonly string[]): boolean {
  return found !== null && found.sort().join(' ') === wanted.join(' ');
}

function noneOrThrow(error: unknown): string[] {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENODATA' || code === 'ENOTFOUND') return [];
  throw error;
}
