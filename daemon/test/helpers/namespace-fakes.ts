/**
 * A node in memory: a world that outlives the daemon (database, services, state file) and a daemon on it.
 * The power can be cut before or after any change of the world.
 */
import type { Test } from 'tap';
import type { Quota } from '../../contract/quota.ts';
import type { SfuServiceConfig } from '../../contract/sfu-config.ts';
import type { TurnServiceConfig } from '../../contract/turn-config.ts';
import type { FirewallOpening } from '../../contract/firewall.ts';
import { AppError } from '../../contract/errors.ts';
import { openingText } from '../../namespaces/firewall-openings.ts';
import { createLogger } from '../../kit/logger.ts';
import { Namespaces, type NamespacesOptions } from '../../namespaces/namespace-service.ts';
import { DEFAULT_PORT_PLAN } from '../../namespaces/port-ledger.ts';
import { decodeStateFile } from '../../namespaces/state-file.ts';
import type {
  ControlConnector,
  DnsRecords,
  Firewall,
  NamespaceStore,
  HeldPort,
  ServiceLimits,
  ServiceManager,
  ServiceRef,
  ServiceReport,
  StateFileStore,
} from '../../namespaces/system.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { SqliteNamespaceStore } from '../../store/sqlite/namespace-store.ts';
import { HostKey } from '../../system/host-key.ts';
import { FakeClock } from './fake-clock.ts';

const nameOf = (service: ServiceRef): string => `${service.kind}-${service.namespace}`;

export class FakeServices implements ServiceManager {
  readonly running = new Set<string>();
  readonly configs = new Map<string, TurnServiceConfig | SfuServiceConfig>();
  /** What the running processes have read. */
  readonly loaded = new Map<string, TurnServiceConfig | SfuServiceConfig>();
  readonly calls: string[] = [];
  /** Names of calls that fail, for example `waitReady sfu-demo`. */
  readonly failing = new Set<string>();
  readonly #listeners = new Set<(service: ServiceRef, report: ServiceReport) => void>();

  controlSocket(service: ServiceRef): string {
    return `/run/${nameOf(service)}.sock`;
  }
  writeConfig(service: ServiceRef, config: TurnServiceConfig | SfuServiceConfig): Promise<boolean> {
    const changed = JSON.stringify(this.configs.get(nameOf(service))) !== JSON.stringify(config);
    this.configs.set(nameOf(service), config);
    return Promise.resolve(changed);
  }
  removeConfig(service: ServiceRef): Promise<void> {
    this.configs.delete(nameOf(service));
    return Promise.resolve();
  }
  readonly quotas = new Map<string, Quota>();
  limit(namespace: string, quota: Quota): Promise<void> {
    this.quotas.set(namespace, quota);
    return Promise.resolve();
  }
  limits(namespace: string): Promise<ServiceLimits> {
    const none = { memoryMiB: null, tasks: null, cpuPercent: null, cpuWeight: null };
    return Promise.resolve({
      quota: this.quotas.get(namespace) ?? none,
      used: { memoryBytes: 1, tasks: 2 },
    });
  }
  start(service: ServiceRef): Promise<void> {
    return this.#do('start', service, () => {
      // One that runs is adopted.
      if (!this.running.has(nameOf(service))) this.reload(nameOf(service));
      this.running.add(nameOf(service));
    });
  }
  /** Throws when it is told to fail: `reload turn-demo`. */
  reload(name: string): void {
    if (this.failing.has(`reload ${name}`)) throw new Error(`${name} does not answer`);
    const config = this.configs.get(name);
    if (config !== undefined) this.loaded.set(name, structuredClone(config));
  }
  waitReady(service: ServiceRef): Promise<void> {
    return this.#do('waitReady', service, () => undefined);
  }
  drain(service: ServiceRef): Promise<void> {
    return this.#do('drain', service, () => undefined);
  }
  stop(service: ServiceRef): Promise<void> {
    return this.#do('stop', service, () => this.running.delete(nameOf(service)));
  }
  status(service: ServiceRef): ServiceReport {
    const up = this.running.has(nameOf(service));
    return {
      state: up ? 'ready' : 'stopped',
      pid: up ? 100 : null,
      sinceMs: up ? 1 : null,
      restarts: 0,
      failure: null,
    };
  }
  watch(listener: (service: ServiceRef, report: ServiceReport) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  #do(verb: string, service: ServiceRef, act: () => unknown): Promise<void> {
    const call = `${verb} ${nameOf(service)}`;
    this.calls.push(call);
    if (this.failing.has(call)) {
      return Promise.reject(new AppError('service_failed', `${call} failed: port in use.`));
    }
    act();
    for (const listener of this.#listeners) listener(service, this.status(service));
    return Promise.resolve();
  }
}

export class MemoryStateFile implements StateFileStore {
  current: string | null = null;
  previous: string | null = null;
  read(): Promise<{ current: string | null; previous: string | null }> {
    return Promise.resolve({ current: this.current, previous: this.previous });
  }
  write(text: string, options: { keepPrevious: boolean }): Promise<void> {
    if (options.keepPrevious) this.previous = this.current;
    this.current = text;
    return Promise.resolve();
  }
  names(): string[] {
    const decoded = decodeStateFile(this.current ?? '');
    return decoded.ok ? decoded.state.namespaces.map((one) => one.name) : [];
  }
}

/** Lets outsiders through to its openings; refuses ports that are nobody's here. */
export class FakeFirewall implements Firewall {
  readonly manager = 'nftables';
  openings: readonly FirewallOpening[] = [];
  /** What the next tries are refused with. */
  failure = '';

  get open(): string[] {
    return this.openings.map(openingText);
  }

  apply(openings: readonly FirewallOpening[]): Promise<string> {
    if (this.failure !== '') return Promise.reject(new Error(this.failure));
    if (openings.some(({ minPort }) => minPort < 1024)) {
      return Promise.reject(new Error('outside ports.turn; add it to firewall.alsoAllow'));
    }
    this.openings = openings;
    return Promise.resolve('');
  }

  check(openings: readonly FirewallOpening[]): Promise<string> {
    const text = (all: readonly FirewallOpening[]): string => all.map(openingText).join();
    return Promise.resolve(text(openings) === text(this.openings) ? '' : 'Rules are missing, or too many.');
  }
}

export class FakeDns implements DnsRecords {
  readonly manager = 'rfc2136';
  readonly names = new Map<string, readonly string[]>();
  failure = '';
  set(name: string, addresses: readonly string[]): Promise<void> {
    if (this.failure !== '') return Promise.reject(new Error(this.failure));
    if (addresses.length === 0) this.names.delete(name);
    else this.names.set(name, addresses);
    return Promise.resolve();
  }
  check(name: string, addresses: readonly string[]): Promise<string> {
    const found = this.names.get(name) ?? [];
    return Promise.resolve(found.join() === addresses.join() ? '' : `${name} has ${found.join()}.`);
  }
}

/** Services answer, if they run. */
class FakeConnector implements ControlConnector {
  readonly #services: FakeServices;
  constructor(services: FakeServices) {
    this.#services = services;
  }
  turn(path: string): ReturnType<ControlConnector['turn']> {
    return this.#connect(path);
  }
  sfu(path: string): ReturnType<ControlConnector['sfu']> {
    return this.#connect(path);
  }
  #connect(path: string): Promise<never> {
    const name = path.slice('/run/'.length, -'.sock'.length);
    if (!this.#services.running.has(name)) return Promise.reject(new Error('nobody listens'));
    const status = { ready: true, draining: false, listeners: [], allocations: 3, sessions: 2, rooms: 1 };
    const call = async (method: string): Promise<object> => {
      if (method === 'reload') this.#services.reload(name);
      return Promise.resolve(status);
    };
    const link = { control: { call }, pid: 100, close: () => undefined };
    return Promise.resolve(link as never);
  }
}

export class World {
  readonly services = new FakeServices();
  readonly stateFile = new MemoryStateFile();
  readonly firewall = new FakeFirewall();
  readonly dns = new FakeDns();
  readonly clock = new FakeClock();
  readonly busy: HeldPort[] = [];
  store: NamespaceStore;
  /** Changes of the world so far, by whichever daemon. */
  changes = 0;
  #cut: { at: number; when: 'before' | 'after' } | undefined;
  #dark = false;
  #onDark: () => void = () => undefined;

  constructor(t: Test) {
    this.store = this.#newStore(t);
  }

  /** The database is lost: an empty one takes its place. */
  loseDatabase(t: Test): void {
    this.store = this.#newStore(t);
  }

  /** From now on the change number `at` (from 1) is the last one, or the first that does not happen. */
  cutPower(at: number, when: 'before' | 'after'): Promise<void> {
    this.#cut = { at: this.changes + at, when };
    return new Promise((resolve) => {
      this.#onDark = resolve;
    });
  }

  get isDark(): boolean {
    return this.#dark;
  }

  /** Power is back; the old daemon must be gone by now. */
  restorePower(): void {
    this.#dark = false;
    this.#cut = undefined;
  }

  daemon(change: Partial<NamespacesOptions> = {}): Namespaces {
    return new Namespaces({
      node: 'local',
      shieldAddress: '10.9.0.1',
      publicAddresses: ['192.0.2.7'],
      turnBindAddresses: ['0.0.0.0'],
      turnEncryptedOnly: false,
      turnHostName: 'turn.ns-{namespace}.example.com',
      turnCertificates: {
        ensure: () =>
          Promise.resolve({
            certFile: '/c.pem',
            keyFile: '/c.pem',
            trustPem: '',
            changed: false,
            fingerprint: 'AA:BB',
            problem: '',
          }),
        remove: () => Promise.resolve(),
      },
      ports: DEFAULT_PORT_PLAN,
      credentialTtlSeconds: 600,
      store: this.#powered(this.store, /^(insert|delete|set|update|finish)/),
      stateFile: this.#powered(this.stateFile, /^write/),
      services: this.#powered(this.services, /^(start|stop|writeConfig|removeConfig)$/),
      connector: new FakeConnector(this.services),
      sealer: new HostKey(Buffer.alloc(32, 7)),
      portProbe: {
        busy: (uses) =>
          Promise.resolve(
            uses.flatMap((use) => {
              const held = this.busy.find(
                ({ port, protocol }) => port === use.port && protocol === use.protocol,
              );
              return held === undefined ? [] : [{ ...use, holder: held.holder }];
            }),
          ),
      },
      firewall: this.#powered(this.firewall, /^apply$/),
      dns: this.#powered(this.dns, /^set$/),
      proof: { prove: () => Promise.resolve({ rttMs: 1.5 }) },
      log: createLogger({ name: 'test', level: 'silent' }),
      clock: this.clock,
      random: () => 0,
      ...change,
    });
  }

  #newStore(t: Test): NamespaceStore {
    const database = openDatabase(':memory:');
    t.teardown(() => database.close());
    return new SqliteNamespaceStore(database);
  }

  #powered<Thing extends object>(thing: Thing, changing: RegExp): Thing {
    return new Proxy(thing, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (!changing.test(String(name))) return value.bind(target) as unknown;
        return (...args: unknown[]): unknown => {
          if (this.#dark) throw new Error('the power is out');
          this.changes += 1;
          const isLast = this.#cut !== undefined && this.changes >= this.#cut.at;
          if (isLast && this.#cut?.when === 'before') this.#goDark();
          const result = value.apply(target, args) as unknown;
          if (isLast) this.#goDark();
          return result;
        };
      },
    });
  }

  #goDark(): never {
    this.#dark = true;
    this.#onDark();
    throw new Error('the power is out');
  }
}

/** Resolves when nothing runs on the namespace any more. */
export async function settled(daemon: Namespaces, name: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = daemon.subscribe((change) => {
      if (change.type !== 'namespace' || change.namespace.name !== name) return;
      if (change.namespace.operationId === null) finish();
    });
    const finish = (): void => {
      done();
      resolve();
    };
    if (daemon.get(name).operationId === null) finish();
  });
}
