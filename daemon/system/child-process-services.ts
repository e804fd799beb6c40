/**
 * The service manager without systemd: TURN and SFU services as processes of their own session. Owns
 * `services/` (configurations), `run/` (pid files, control sockets) and `logs/` below the data directory.
 */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { SfuServiceConfig } from '../contract/sfu-config.ts';
import type { TurnServiceConfig } from '../contract/turn-config.ts';
import { systemClock, type Clock } from '../kit/clock.ts';
import { AdapterError, isErrno } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type {
  ServiceKind,
  ServiceManager,
  ServiceRef,
  ServiceReport,
  Unsubscribe,
} from '../namespaces/system.ts';
import { replaceFile } from './atomic-file.ts';
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
/** sun_path holds 108 bytes with the final zero; the name of a socket takes up to 42. */
const MAX_RUN_DIR_BYTES = 64;
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
  }

  controlSocket(service: ServiceRef): string {
    return join(this.#runDir, `${nameOf(service)}.sock`);
  }

  async writeConfig(service: ServiceRef, config: TurnServiceConfig | SfuServiceConfig): Promise<boolean> {
    const path = this.#configFile(service);
    const text = JSON.stringify(config, null, 2) + '\n';
    try {
      if ((await readFile(path, 'utf8')) === text) return false;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    await mkdir(join(this.#dataDir, 'services'), { recursive: true, mode: 0o700 });
    await replaceFile(path, text);
    return true;
  }

  async removeConfig(service: ServiceRef): Promise<void> {
    await rm(this.#configFile(service), { force: true });
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

  /** Ends or lets go of the services, as configured. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#logTimer);
    this.#listeners.clear();
    const services = [...this.#services.values()];
    if (!this.#options.stopServicesOnExit) {
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
    const name = nameOf(service);
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
        args: [resolve(entries[service.kind]), '--config', this.#configFile(service)],
      },
      env: { ...Object.fromEntries(kept), ...compileCache(this.#dataDir) },
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

  #configFile(service: ServiceRef): string {
    return join(this.#dataDir, 'services', `${nameOf(service)}.json`);
  }

  #capLogs(): void {
    for (const service of this.#services.values()) {
      service.capLogs().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'logs cannot be cut');
      });
    }
  }
}

function nameOf(service: ServiceRef): string {
  return `${service.kind}-${service.namespace}`;
}

/**
 * `run/` below the data directory, or, when that path is too long for a socket's name, a directory of the
 * same user below the system's temporary one whose name depends on the data directory only.
 */
function runDirectory(dataDir: string): string {
  const inside = join(dataDir, 'run');
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const { uid } = userInfo();
  const fits = Buffer.byteLength(inside) <= MAX_RUN_DIR_BYTES;
  const path = fits ? inside : join(tmpdir(), `turnkeep-${String(uid)}-${hash}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  // A directory that somebody else prepared could hand us their sockets.
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new AdapterError(`The directory ${path} must belong to this user alone (mode 0700).`, {
      operation: 'run-directory',
      target: path,
    });
  }
  return path;
}

/**
 * From the second start on, a service finds its program compiled: it starts sooner, and the 30 MB of memory that
 * Node needs to strip types are never taken. What lies there is run, so the folder is ours alone.
 */
function compileCache(dataDir: string): { NODE_COMPILE_CACHE?: string } {
  const folder = join(dataDir, 'cache', 'compile');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    return { NODE_COMPILE_CACHE: folder };
  } catch {
    return {}; // It only saves time and memory: no reason not to start a service.
  }
}
