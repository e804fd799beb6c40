/**
 * The service manager without systemd: TURN and SFU services as processes of their own session. Owns
 * `services/` (configurations), `run/` (pid files, control sockets) and `logs/` below the data directory.
 */
import { join, resolve } from 'node:path';
import type { SfuServiceConfig } from '../contract/sfu-config.ts';
import type { TurnServiceConfig } from '../contract/turn-config.ts';
import { systemClock, type Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/logger.ts';
import type {
  ServiceKind,
  ServiceLimits,
  ServiceManager,
  ServiceRef,
  ServiceReport,
  Unsubscribe,
} from '../namespaces/system.ts';
import { compileCacheIn } from './compile-cache.ts';
import { runDirectory } from './run-directory.ts';
import { ServiceFiles, serviceName } from './service-files.ts';
import { ServiceLog } from './service-log.ts';
import { SupervisedService, type ServiceTimes } from './supervised-service.ts';

export const DEFAULT_SERVICE_TIMES: ServiceTimes = {
  readyTimeoutMs: 30_000,
  termTimeoutMs: 5000,
  restart: { firstMs: 200, maxMs: 5000 },
  budget: { crashes: 5, perMs: 60_000 },
};

const DEFAULT_MAX_LOG_BYTES = 8 * 1024 * 1024;
const LOG_CHECK_MS = 10_000;
/** What a service may know of the daemon's environment: nothing secret, and of its program only how it sends. */
const KEPT_ENV = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'TURNKEEP_DATAGRAMS'];

export type ChildProcessServicesOptions = {
  dataDir: string;
  /** The program of each kind; it is run as `node ENTRY --config FILE`. */
  entries: Record<ServiceKind, string>;
  /** True for development: `close()` ends the services. Otherwise they go on and are adopted later. */
  stopServicesOnExit: boolean;
  log: Logger;
  clock?: Clock;
  random?: () => number;
  times?: Partial<ServiceTimes>;
  maxLogBytes?: number;
};

export class ChildProcessServices implements ServiceManager {
  readonly #options: ChildProcessServicesOptions;
  readonly #clock: Clock;
  readonly #dataDir: string;
  readonly #runDir: string;
  readonly #files: ServiceFiles;
  readonly #services = new Map<string, SupervisedService>();
  readonly #listeners = new Set<(service: ServiceRef, report: ServiceReport) => void>();
  #logTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /** Makes the run directory; throws an AdapterError when it is not ours alone. */
  constructor(options: ChildProcessServicesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#dataDir = resolve(options.dataDir);
    this.#runDir = runDirectory(this.#dataDir);
    this.#files = new ServiceFiles(this.#dataDir);
  }

  controlSocket(service: ServiceRef): string {
    return join(this.#runDir, `${serviceName(service)}.sock`);
  }

  writeConfig(service: ServiceRef, config: TurnServiceConfig | SfuServiceConfig): Promise<boolean> {
    return this.#files.write(service, config);
  }

  removeConfig(service: ServiceRef): Promise<void> {
    return this.#files.remove(service);
  }

  /** A process without a control group of its own cannot be held to a quota. */
  limit(): Promise<void> {
    return Promise.resolve();
  }

  limits(): Promise<ServiceLimits | null> {
    return Promise.resolve(null);
  }

  start(service: ServiceRef, options: { supervise: 'always' | 'once-ready' }): Promise<void> {
    this.#logTimer ??= setInterval(() => {
      this.#capLogs();
    }, LOG_CHECK_MS).unref();
    return this.#of(service).start(options);
  }

  waitReady(service: ServiceRef, options: { timeoutMs: number; signal?: AbortSignal }): Promise<void> {
    return this.#of(service).waitReady(options);
  }

  drain(service: ServiceRef, options: { deadlineMs: number; wait?: boolean }): Promise<void> {
    return this.#of(service).drain(options);
  }

  stop(service: ServiceRef): Promise<void> {
    return this.#of(service).stop();
  }

  status(service: ServiceRef): ServiceReport {
    return this.#of(service).report();
  }

  watch(listener: (service: ServiceRef, report: ServiceReport) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Ends or lets go of the services, as configured; with `leave` they go on. A second call waits for the first. */
  close(options: { leave?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options.leave === true || !this.#options.stopServicesOnExit);
    return this.#closing;
  }

  async #close(leave: boolean): Promise<void> {
    clearInterval(this.#logTimer);
    this.#listeners.clear();
    const services = [...this.#services.values()];
    if (leave) {
      for (const service of services) service.release();
      return;
    }
    const results = await Promise.allSettled(services.map((service) => service.stop()));
    for (const result of results) {
      if (result.status === 'rejected')
        this.#options.log.error({ err: result.reason as unknown }, 'not stopped');
    }
  }

  #of(service: ServiceRef): SupervisedService {
    const name = serviceName(service);
    let known = this.#services.get(name);
    if (known === undefined) {
      known = this.#supervise(service, name);
      this.#services.set(name, known);
    }
    return known;
  }

  #supervise(service: ServiceRef, name: string): SupervisedService {
    const { entries, log, times, maxLogBytes, random } = this.#options;
    const kept = KEPT_ENV.flatMap((key) => {
      const value = process.env[key];
      return value === undefined ? [] : [[key, value] as const];
    });
    return new SupervisedService({
      service,
      command: {
        file: process.execPath,
        args: [resolve(entries[service.kind]), '--config', this.#files.path(service)],
      },
      env: { ...Object.fromEntries(kept), ...compileCacheIn(this.#dataDir) },
      controlSocket: this.controlSocket(service),
      pidFile: join(this.#runDir, `${name}.pid`),
      log: log.child({ service: name }),
      output: new ServiceLog(join(this.#dataDir, 'logs', name), {
        maxBytes: maxLogBytes ?? DEFAULT_MAX_LOG_BYTES,
      }),
      times: { ...DEFAULT_SERVICE_TIMES, ...times },
      clock: this.#clock,
      random: random ?? Math.random,
      onChange: (report) => {
        for (const listener of this.#listeners) listener(service, report);
      },
    });
  }

  #capLogs(): void {
    for (const service of this.#services.values()) {
      service.capLogs().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'logs cannot be cut');
      });
    }
  }
}
