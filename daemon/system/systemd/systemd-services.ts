/**
 * The service manager on systemd: one unit instance per service, started and stopped through `systemctl`. systemd
 * restarts, kills what hangs and holds the logs; this class asks it how things are and says so. Services never
 * end with the daemon. A service that somebody stopped with `systemctl stop` stays stopped, and is reported.
 */
import { join } from 'node:path';
import type { SfuServiceConfig } from '../../contract/sfu-config.ts';
import type { TurnServiceConfig } from '../../contract/turn-config.ts';
import type { Quota } from '../../contract/quota.ts';
import { AppError } from '../../contract/errors.ts';
import type { Cancel, Clock } from '../../kit/clock.ts';
import { AdapterError, messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type {
  ServiceLimits,
  ServiceManager,
  ServiceRef,
  ServiceReport,
  Unsubscribe,
} from '../../namespaces/system.ts';
import { orderDrain } from '../control-connector.ts';
import { ChangeBell, serviceTitle, untilReady } from '../ready-wait.ts';
import { ownDirectory } from '../run-directory.ts';
import { ServiceFiles, serviceName } from '../service-files.ts';
import { LIMIT_PROPERTIES, limitsOf, sliceProperties } from './slice-limits.ts';
import type { Systemctl } from './systemctl.ts';
import { sliceOf, unitOf, unmaskCommand } from './unit-names.ts';
import type { UnitState } from './unit-state.ts';

/** In memory, so that services start on a disk that takes nothing; the units name it too. */
const SOCKET_DIRECTORY = '/run/turnkeep/services';
/** While something changes, and otherwise. Each look is one short process for all services together. */
const LOOK_MS = { busy: 100, quiet: 1000 };
/** Beyond its deadline a drained service has this long to be gone. */
const DRAIN_GRACE_MS = 1000;

export type SystemdServicesOptions = {
  dataDir: string;
  systemctl: Systemctl;
  clock: Clock;
  log: Logger;
};

type Tracked = {
  service: ServiceRef;
  unit: string;
  report: ServiceReport;
  supervise: 'always' | 'once-ready';
  /** It was ready since it was last started. */
  wasReady: boolean;
  /** `systemctl start` has not come back yet. */
  jobRuns: boolean;
  /** What we did last: an end after `drain` or `stop` is no fault. */
  order: 'none' | 'start' | 'drain' | 'stop';
  queue: Promise<unknown>;
};

const STOPPED: ServiceReport = { state: 'stopped', pid: null, sinceMs: null, restarts: 0, failure: null };

export class SystemdServices implements ServiceManager {
  readonly #options: SystemdServicesOptions;
  readonly #runDir: string;
  readonly #files: ServiceFiles;
  readonly #services = new Map<string, Tracked>();
  readonly #listeners = new Set<(service: ServiceRef, report: ServiceReport) => void>();
  readonly #bell = new ChangeBell();
  #looking: Promise<void> | undefined;
  #cancelLook: Cancel = () => undefined;
  #closed = false;
  #deaf = false;

  /** Makes the run directory; throws an AdapterError when it is not ours alone. */
  constructor(options: SystemdServicesOptions) {
    this.#options = options;
    this.#runDir = ownDirectory(SOCKET_DIRECTORY);
    this.#files = new ServiceFiles(options.dataDir);
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

  /** Properties of the slice: systemd keeps them until the host starts anew, when they are set again. */
  limit(namespace: string, quota: Quota): Promise<void> {
    return this.#options.systemctl.setProperties(sliceOf(namespace), sliceProperties(quota));
  }

  async limits(namespace: string): Promise<ServiceLimits> {
    return limitsOf(await this.#options.systemctl.properties(sliceOf(namespace), LIMIT_PROPERTIES));
  }

  start(service: ServiceRef, options: { supervise: 'always' | 'once-ready' }): Promise<void> {
    const one = this.#of(service);
    return exclusive(one, async () => {
      one.supervise = options.supervise;
      await this.#look();
      const { state } = one.report;
      if (one.order !== 'drain' && (state === 'starting' || state === 'ready' || state === 'waiting')) return;
      one.order = 'start';
      one.wasReady = false;
      // A unit that used up its start limit takes no start before this; for others it does nothing.
      await this.#options.systemctl.run('reset-failed', one.unit).catch(() => undefined);
      one.jobRuns = true;
      this.#become(one, { ...STOPPED, state: 'starting' });
      const job = this.#options.systemctl.run('start', one.unit);
      job
        .catch((error: unknown) => {
          this.#options.log.warn({ unit: one.unit, reason: messageOf(error) }, 'unit does not start');
        })
        .finally(() => {
          one.jobRuns = false;
          void this.#look();
        });
      this.#scheduleLook();
    });
  }

  waitReady(service: ServiceRef, options: { timeoutMs: number; signal?: AbortSignal }): Promise<void> {
    const one = this.#of(service);
    const { clock } = this.#options;
    const { timeoutMs, signal } = options;
    return untilReady({ service, report: () => one.report, bell: this.#bell, clock, timeoutMs, signal });
  }

  drain(service: ServiceRef, options: { deadlineMs: number; wait?: boolean }): Promise<void> {
    const one = this.#of(service);
    return exclusive(one, async () => {
      const wait = options.wait ?? true;
      await this.#look();
      if (!wait && one.report.state !== 'ready') {
        throw new AppError(
          'service_failed',
          one.report.failure ?? `${serviceTitle(service)} is not running.`,
        );
      }
      if (one.report.state === 'stopped' || one.report.state === 'failed') return;
      one.order = 'drain';
      try {
        await orderDrain(this.controlSocket(service), options.deadlineMs);
      } catch (cause) {
        this.#options.log.warn({ err: cause }, 'service takes no drain');
        // Deaf or still starting: there is nobody to be told, and a stop follows.
        if (wait) return;
        one.order = 'start';
        throw new AppError('service_failed', `${serviceTitle(service)} did not take the order to drain.`, {
          cause,
        });
      }
      if (wait) await this.#untilGone(one, options.deadlineMs + DRAIN_GRACE_MS);
      else this.#scheduleLook();
    });
  }

  stop(service: ServiceRef): Promise<void> {
    const one = this.#of(service);
    return exclusive(one, async () => {
      const { systemctl } = this.#options;
      one.order = 'stop';
      const [before] = await systemctl.show([one.unit]);
      // A unit that somebody masked may run all the same.
      if (before !== undefined && (before.file !== 'missing' || before.pid !== null)) {
        await systemctl.run('stop', one.unit);
        const [after] = await systemctl.show([one.unit]);
        if (after === undefined || after.pid !== null) {
          throw new AdapterError(`${serviceTitle(service)} does not end (unit ${one.unit}).`, {
            operation: 'stop',
            target: one.unit,
            retryable: true,
          });
        }
        await systemctl.run('reset-failed', one.unit).catch(() => undefined);
      }
      this.#become(one, STOPPED);
    });
  }

  status(service: ServiceRef): ServiceReport {
    return this.#of(service).report;
  }

  watch(listener: (service: ServiceRef, report: ServiceReport) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Stops looking. The services go on. */
  close(): Promise<void> {
    this.#closed = true;
    this.#cancelLook();
    this.#listeners.clear();
    return Promise.resolve();
  }

  #of(service: ServiceRef): Tracked {
    const name = serviceName(service);
    let one = this.#services.get(name);
    if (one === undefined) {
      one = {
        service,
        unit: unitOf(service),
        report: STOPPED,
        supervise: 'once-ready',
        wasReady: false,
        jobRuns: false,
        order: 'none',
        queue: Promise.resolve(),
      };
      this.#services.set(name, one);
    }
    return one;
  }

  /** Asks systemd about every service; one question at a time. Never rejects. */
  #look(): Promise<void> {
    this.#looking ??= this.#ask().finally(() => {
      this.#looking = undefined;
      this.#scheduleLook();
    });
    return this.#looking;
  }

  async #ask(): Promise<void> {
    const asked = [...this.#services.values()].filter((one) => one.order !== 'stop');
    let states: UnitState[];
    try {
      states = await this.#options.systemctl.show(asked.map(({ unit }) => unit));
      this.#deaf = false;
    } catch (error) {
      if (!this.#deaf) this.#options.log.error({ reason: messageOf(error) }, 'systemd does not answer');
      this.#deaf = true;
      return; // What was known last stays: "unknown" is never "stopped".
    }
    const byUnit = new Map(states.map((state) => [state.id, state]));
    for (const one of asked) {
      const unit = byUnit.get(one.unit);
      if (unit !== undefined && !this.#closed) await this.#take(one, unit);
    }
  }

  /** What systemd says of a unit becomes what this daemon says of the service. */
  async #take(one: Tracked, unit: UnitState): Promise<void> {
    const { state, pid, sinceMs, restarts } = unit;
    if (state === 'ready') {
      one.wasReady = true;
      one.supervise = 'always';
      this.#become(one, { state, pid, sinceMs, restarts, failure: null });
      return;
    }
    const running = { state, pid, sinceMs: null, restarts };
    if (state === 'starting' || state === 'stopping') {
      if (state === 'starting' && restarts > 0 && (await this.#isFinal(one, unit))) return;
      this.#become(one, { ...running, failure: one.report.failure });
      return;
    }
    // The job is queued and the unit has not moved yet.
    if (state === 'stopped' && one.jobRuns && unit.end === null) return;
    if (state === 'waiting' && (await this.#isFinal(one, unit))) return;
    const failure = await this.#failureOf(one, unit);
    if (one.order !== 'stop') this.#become(one, { ...running, failure });
  }

  /** A death before it was ready is final when the first start was on trial: systemd must not go on trying. */
  async #isFinal(one: Tracked, unit: UnitState): Promise<boolean> {
    if (one.supervise === 'always' || one.wasReady || one.order !== 'start') return false;
    const failure = await this.#failureOf(one, unit);
    one.order = 'stop';
    await this.#options.systemctl.run('stop', one.unit).catch((error: unknown) => {
      this.#options.log.warn({ unit: one.unit, reason: messageOf(error) }, 'unit does not stop');
    });
    this.#become(one, { ...STOPPED, state: 'failed', failure });
    return true;
  }

  async #failureOf(one: Tracked, unit: UnitState): Promise<string | null> {
    const title = serviceTitle(one.service);
    if (unit.file === 'missing') {
      return `${title} cannot be started: systemd knows no unit ${one.unit}. Run install.sh again.`;
    }
    if (unit.file === 'masked') {
      return `${title} cannot be started: its unit is masked. Lift that: ${unmaskCommand(one.unit)}`;
    }
    if (unit.state === 'stopped' && one.order === 'drain') {
      return `${title} was drained and has ended. Disable and enable WebRTC, or restart the daemon, to have it back.`;
    }
    if (unit.state === 'stopped' && unit.end === null) {
      return one.order === 'none'
        ? null
        : `${title} was stopped by somebody: systemctl start '${one.unit}' brings it back.`;
    }
    if (one.report.failure !== null && one.report.state === unit.state) return one.report.failure;
    const words = await this.#options.systemctl.lastWords(one.unit);
    // It used up StartLimitBurst= of its unit.
    const isGivenUp = unit.state === 'failed' && unit.restarts > 0;
    const often = isGivenUp
      ? ` again after ${String(unit.restarts)} restarts and is left alone (systemctl reset-failed '${one.unit}'; systemctl start '${one.unit}')`
      : '';
    const how = `${title} ${unit.end ?? 'ended'}${often}${words === '' ? '.' : `: ${words}`}`;
    this.#options.log.error({ unit: one.unit, failure: how }, 'service died');
    return how;
  }

  async #untilGone(one: Tracked, timeoutMs: number): Promise<void> {
    const limit = { passed: false };
    const cancel = this.#options.clock.after(timeoutMs, () => {
      limit.passed = true;
      this.#bell.ring();
    });
    this.#scheduleLook();
    while (!limit.passed && one.report.state !== 'stopped' && one.report.state !== 'failed') {
      await this.#bell.next();
    }
    cancel();
  }

  #scheduleLook(): void {
    this.#cancelLook();
    if (this.#closed || this.#services.size === 0) return;
    const busy = [...this.#services.values()].some(
      ({ report, jobRuns, order }) =>
        jobRuns ||
        (order === 'drain' && report.state === 'ready') ||
        !['ready', 'stopped', 'failed'].includes(report.state),
    );
    this.#cancelLook = this.#options.clock.after(
      busy ? LOOK_MS.busy : LOOK_MS.quiet,
      () => void this.#look(),
    );
  }

  #become(one: Tracked, report: ServiceReport): void {
    const { report: old } = one;
    const same = (Object.keys(report) as (keyof ServiceReport)[]).every((key) => report[key] === old[key]);
    if (same) return;
    one.report = report;
    for (const listener of this.#listeners) listener(one.service, report);
    this.#bell.ring();
  }
}

/** One start, stop or drain at a time, in the order asked. */
function exclusive<Result>(one: Tracked, act: () => Promise<Result>): Promise<Result> {
  const next = one.queue.then(act);
  one.queue = next.catch(() => undefined);
  return next;
}
