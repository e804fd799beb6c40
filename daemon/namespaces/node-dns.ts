/**
 * The DNS names of the namespaces' TURN services. One change after the other; each sets what a name has, so it may be
 * repeated. Every two minutes all names are looked at, one after the other, and what somebody changed or removed
 * is set anew; what could not be set is tried again every minute. So is what could not be removed: it is a debt that
 * outlives the namespace and the daemon, and keeps nobody from switching a namespace off.
 */
import type { DnsManager } from '../contract/daemon-config.ts';
import type { Repair } from '../contract/diagnosis.ts';
import { parseIp } from '../kit/ip-address.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { DnsRecords, NamespaceStore } from './system.ts';

const RETRY_MS = 60_000;
/** Give or take a quarter: the nodes that share a DNS server do not come all at once. */
const LOOK_MS = 120_000;

/** Records are somebody else's work: nothing is changed. */
export const NO_DNS: DnsRecords = {
  manager: 'none',
  set: () => Promise.resolve(),
  check: () => Promise.resolve(''),
};

export type NodeDnsOptions = {
  dns: DnsRecords;
  store: Pick<NamespaceStore, 'webrtcConfig' | 'webrtcConfigs' | 'dnsDebts' | 'addDnsDebt' | 'deleteDnsDebt'>;
  /** What the names stand for. */
  publicAddresses: readonly string[];
  /** The names of the namespaces that are on; null for one without. */
  wanted: () => readonly (string | null)[];
  clock: Clock;
  random: () => number;
  log: Logger;
};

export class NodeDns {
  readonly #options: NodeDnsOptions;
  /** By name, the newest last. */
  readonly #problems = new Map<string, string>();
  #queue: Promise<unknown> = Promise.resolve();
  #stopped = false;
  /** Of the next round. */
  #cancelNext: Cancel = () => undefined;
  #round: Promise<Repair[]> | undefined;

  constructor(options: NodeDnsOptions) {
    this.#options = options;
  }

  /** Rejects with an AdapterError when the records cannot be set. @returns a note: which ones. */
  async publish(namespace: string): Promise<string> {
    const name = this.#nameOf(namespace);
    if (name !== null) await this.#set(name, this.#options.publicAddresses);
    return this.planned(name);
  }

  /** The note of `publish` for a name, without setting anything. */
  planned(name: string | null): string {
    if (name === null) return 'No DNS name: the URIs hold addresses (turn.hostName).';
    const { dns, publicAddresses } = this.#options;
    const records = recordTexts(name, publicAddresses).join(', ');
    return dns.manager === 'none' ? `DNS is not managed. Make the records: ${records}.` : `${records}.`;
  }

  /**
   * What cannot be removed now is a debt; rejects only when the database cannot hold it. A name that other namespaces have, too, stays.
   * @returns the problem, or empty.
   */
  async withdraw(namespace: string): Promise<string> {
    const name = this.#nameOf(namespace);
    if (name === null) return '';
    const { store } = this.#options;
    const isShared = store
      .webrtcConfigs()
      .some((one) => one.domain === name && one.namespace !== namespace && one.state !== 'disabling');
    if (isShared) return '';
    try {
      await this.#set(name, []);
      return '';
    } catch (error) {
      store.addDnsDebt(name);
      this.#wakeAfter(RETRY_MS);
      return messageOf(error);
    }
  }

  /** Names without a namespace that still have records, and why, as far as it is known. */
  debts(): { name: string; problem: string }[] {
    const problemOf = (name: string): string => this.#problems.get(name) ?? '';
    return this.#options.store.dnsDebts().map((name) => ({ name, problem: problemOf(name) }));
  }

  /** Looks at the names at once, in the background: a picture does not wait for DNS. */
  start(): void {
    void this.repair();
  }

  /**
   * Sets anew what is not as it has to be. Never rejects; whoever asks while a round is under way gets that one.
   * @returns what was wrong, and why it still is if it could not be mended.
   */
  repair(): Promise<Repair[]> {
    if (this.#options.dns.manager === 'none') return Promise.resolve([]);
    this.#round ??= this.#goRound().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
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
    this.#cancelNext();
    await this.#queue;
  }

  #nameOf(namespace: string): string | null {
    return this.#options.store.webrtcConfig(namespace)?.domain ?? null;
  }

  async #goRound(): Promise<Repair[]> {
    this.#cancelNext();
    const repairs: Repair[] = [];
    for (const name of this.#names()) {
      // One at a time: an enable that wants its records comes next, not after all names.
      const repair = await this.#inTurn(() => this.#mend(name));
      if (repair !== undefined) repairs.push(repair);
      // The server is away, most likely: nobody waits for it once for each name.
      if (repair !== undefined && repair.problem !== '') break;
    }
    this.#wakeAfter(this.#problems.size > 0 ? RETRY_MS : LOOK_MS * (0.75 + this.#options.random() / 2));
    return repairs;
  }

  #wakeAfter(ms: number): void {
    this.#cancelNext();
    if (!this.#stopped) this.#cancelNext = this.#options.clock.after(ms, () => void this.repair());
  }

  /** What a name has to have; undefined: it is none of ours, or an operation is about to decide. */
  #due(name: string): readonly string[] | undefined {
    const { wanted, store, publicAddresses } = this.#options;
    if (wanted().includes(name)) return publicAddresses;
    return store.dnsDebts().includes(name) ? [] : undefined;
  }

  /** Each once. What failed comes after what did not, and the newest failure last: none keeps another waiting. */
  #names(): string[] {
    const { wanted, store } = this.#options;
    const names = new Set([...wanted().filter((name) => name !== null), ...store.dnsDebts()]);
    const failed = [...this.#problems.keys()];
    return [...names].sort((one, other) => failed.indexOf(one) - failed.indexOf(other));
  }

  async #mend(name: string): Promise<Repair | undefined> {
    const { dns, log } = this.#options;
    // It may have been disabled while it waited.
    const due = this.#stopped ? undefined : this.#due(name);
    if (due === undefined) return undefined;
    try {
      const found = await dns.check(name, due);
      if (found === '') {
        this.#succeed(name);
        return undefined;
      }
      log.warn({ name, reason: found }, 'DNS records are not as they have to be: they are set anew');
      const problem = await this.#setNow(name, due).then(() => '', messageOf);
      return { what: 'dns', subject: name, found, problem };
    } catch (error) {
      this.#fail(name, error);
      return { what: 'dns', subject: name, found: messageOf(error), problem: messageOf(error) };
    }
  }

  #set(name: string, addresses: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#stopped) await this.#setNow(name, addresses);
    });
  }

  async #setNow(name: string, addresses: readonly string[]): Promise<void> {
    const { dns, log } = this.#options;
    try {
      await dns.set(name, addresses);
      this.#succeed(name);
    } catch (error) {
      this.#fail(name, error);
      log.error({ name, reason: messageOf(error) }, 'DNS records not set');
      throw error;
    }
  }

  /** It has what it has to have: a debt is paid, and a name that is in use again is none. */
  #succeed(name: string): void {
    this.#problems.delete(name);
    this.#options.store.deleteDnsDebt(name);
  }

  #fail(name: string, error: unknown): void {
    this.#problems.delete(name); // To the end of the order.
    this.#problems.set(name, messageOf(error));
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const next = this.#queue.then(act);
    this.#queue = next.catch(() => undefined);
    return next;
  }
}

/** `turn.example.com A 192.0.2.7` */
function recordTexts(name: string, addresses: readonly string[]): string[] {
  return addresses.map((address) => `${name} ${parseIp(address)?.family === 6 ? 'AAAA' : 'A'} ${address}`);
}
