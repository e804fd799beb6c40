/**
 * The DNS names of the namespaces' TURN services. One change after the other; each sets what a name has, so it may be
 * repeated. What failed at the start of the daemon is tried again every minute.
 */
import type { DnsManager } from '../contract/daemon-config.ts';
import { parseIp } from '../kit/ip-address.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { DnsRecords, NamespaceStore } from './system.ts';

const RETRY_MS = 60_000;

/** Records are somebody else's work: nothing is changed. */
export const NO_DNS: DnsRecords = {
  manager: 'none',
  set: () => Promise.resolve(),
  check: () => Promise.resolve(''),
};

export type NodeDnsOptions = {
  dns: DnsRecords;
  store: Pick<NamespaceStore, 'webrtcConfig' | 'webrtcConfigs'>;
  /** What the names stand for. */
  publicAddresses: readonly string[];
  clock: Clock;
  log: Logger;
};

export class NodeDns {
  readonly #options: NodeDnsOptions;
  /** By name. */
  readonly #problems = new Map<string, string>();
  #queue: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #cancelRetry: Cancel = () => undefined;

  constructor(options: NodeDnsOptions) {
    this.#options = options;
  }

  /** Rejects with an AdapterError when the records cannot be set. @returns a note: which ones. */
  async publish(namespace: string): Promise<string> {
    const name = this.#nameOf(namespace);
    if (name === null) return 'No DNS name: the URIs hold addresses (turn.hostName).';
    const { dns, publicAddresses } = this.#options;
    await this.#set(name, publicAddresses);
    const records = recordTexts(name, publicAddresses).join(', ');
    return dns.manager === 'none' ? `DNS is not managed. Make the records: ${records}.` : `${records}.`;
  }

  /** Rejects when the records are not gone. A name that other namespaces have, too, stays. */
  async withdraw(namespace: string): Promise<void> {
    const name = this.#nameOf(namespace);
    if (name === null) return;
    const { store } = this.#options;
    const isShared = store
      .webrtcConfigs()
      .some((one) => one.domain === name && one.namespace !== namespace && one.state !== 'disabling');
    if (!isShared) await this.#set(name, []);
    this.#problems.delete(name);
  }

  /** Starts setting the names of these namespaces, and returns: a picture does not wait for DNS. */
  reconcile(names: readonly (string | null)[]): void {
    for (const name of new Set(names)) {
      if (name !== null) void this.#set(name, this.#options.publicAddresses).catch(() => this.#retryLater());
    }
  }

  /** Which records a namespace needs, and why they may be missing; an empty problem when all is well. */
  view(namespace: string): { manager: DnsManager; records: string[]; problem: string } {
    const { dns, publicAddresses } = this.#options;
    const name = this.#nameOf(namespace);
    return {
      manager: dns.manager,
      records: name === null ? [] : recordTexts(name, publicAddresses),
      problem: this.#problems.get(name ?? '') ?? '',
    };
  }

  /** Asks the server. @returns what is wrong with the name of the namespace, in a sentence; empty when nothing is. */
  async check(namespace: string): Promise<string> {
    const name = this.#nameOf(namespace);
    return name === null ? '' : this.#options.dns.check(name, this.#options.publicAddresses);
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry();
    await this.#queue;
  }

  #nameOf(namespace: string): string | null {
    return this.#options.store.webrtcConfig(namespace)?.domain ?? null;
  }

  #set(name: string, addresses: readonly string[]): Promise<void> {
    const next = this.#queue.then(async () => {
      if (this.#stopped) return;
      const { dns, log } = this.#options;
      try {
        await dns.set(name, addresses);
        this.#problems.delete(name);
      } catch (error) {
        this.#problems.set(name, messageOf(error));
        log.error({ name, reason: messageOf(error) }, 'DNS records not set');
        throw error;
      }
    });
    this.#queue = next.catch(() => undefined);
    return next;
  }

  #retryLater(): void {
    this.#cancelRetry();
    if (this.#stopped) return;
    this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => {
      const on = this.#options.store.webrtcConfigs().filter(({ state }) => state === 'enabled');
      this.reconcile(on.map(({ domain }) => domain).filter((name) => this.#problems.has(name ?? '')));
    });
  }
}

/** `turn.example.com A 192.0.2.7` */
function recordTexts(name: string, addresses: readonly string[]): string[] {
  return addresses.map((address) => `${name} ${parseIp(address)?.family === 6 ? 'AAAA' : 'A'} ${address}`);
}
