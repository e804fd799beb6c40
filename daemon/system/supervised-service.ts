/**
 * One service as a process: found or started, watched, restarted, stopped. The process does not depend on
 * this one: it has its own session and writes to files, so it outlives the daemon and is adopted again.
 */
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../contract/errors.ts';
import { backoffMs } from '../kit/backoff.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { AdapterError, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { ServiceRef, ServiceReport, ServiceState } from '../namespaces/system.ts';
import { replaceFile } from './atomic-file.ts';
import { askHello, orderDrain } from './control-connector.ts';
import {
  findByArguments,
  hasArguments,
  identify,
  isAlive,
  signalProcess,
  type ProcessIdentity,
} from './process-table.ts';
import { ChangeBell, serviceTitle, untilReady } from './ready-wait.ts';
import type { ServiceLog } from './service-log.ts';

export type ServiceTimes = {
  /** From the start of the process to its readiness. */
  readyTimeoutMs: number;
  /** Between SIGTERM and SIGKILL. */
  termTimeoutMs: number;
  restart: { firstMs: number; maxMs: number };
  /** More than `crashes` within `perMs` is a failure; the next try comes after `perMs`. */
  budget: { crashes: number; perMs: number };
};

export type SupervisedOptions = {
  service: ServiceRef;
  /** Program and arguments; the last two are `--config FILE`. */
  command: { file: string; args: readonly string[] };
  env: NodeJS.ProcessEnv;
  controlSocket: string;
  pidFile: string;
  log: Logger;
  output: ServiceLog;
  times: ServiceTimes;
  clock: Clock;
  random: () => number;
  onChange: (report: ServiceReport) => void;
};

const POLL_MS = 50;
const ADOPTED_POLL_MS = 500;
const HELLO_TIMEOUT_MS = 2000;
/** After SIGKILL only the kernel is in the way. */
const KILL_TIMEOUT_MS = 5000;

const pidFileSchema = z.object({ pid: z.number().int().min(2), startTicks: z.string() });

export class SupervisedService {
  readonly #options: SupervisedOptions;
  readonly #name: string;
  #state: ServiceState = 'stopped';
  #process: ProcessIdentity | undefined;
  #sinceMs: number | null = null;
  #restarts = 0;
  #failure: string | null = null;
  #supervise: 'always' | 'once-ready' = 'once-ready';
  #crashesMs: number[] = [];
  #draining = false;
  /** Drained for its own sake, with no stop to follow: its end is told. */
  #leftToDrain = false;
  #cancelWait: Cancel = () => undefined;
  /** Stops a child from keeping this process running. */
  #letGo: () => void = () => undefined;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #bell = new ChangeBell();

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#name = serviceTitle(options.service);
  }

  report(): ServiceReport {
    return {
      state: this.#state,
      pid: this.#process?.pid ?? null,
      sinceMs: this.#sinceMs,
      restarts: this.#restarts,
      failure: this.#failure,
    };
  }

  start(options: { supervise: 'always' | 'once-ready' }): Promise<void> {
    return this.#exclusive(async () => {
      this.#supervise = options.supervise;
      if (this.#state === 'starting' || this.#state === 'ready') return;
      this.#cancelWait();
      this.#crashesMs = [];
      this.#restarts = 0;
      try {
        await this.#begin();
      } catch (error) {
        if (options.supervise === 'always') this.#scheduleAgain();
        throw error;
      }
    });
  }

  waitReady(options: { timeoutMs: number; signal?: AbortSignal }): Promise<void> {
    const { service, clock } = this.#options;
    const { timeoutMs, signal } = options;
    return untilReady({ service, report: () => this.report(), bell: this.#bell, clock, timeoutMs, signal });
  }

  /** Asks it to end when empty; an end before or at the deadline is its own. */
  drain(options: { deadlineMs: number; wait?: boolean }): Promise<void> {
    return this.#exclusive(async () => {
      const wait = options.wait ?? true;
      if (!wait && this.#state !== 'ready') {
        throw new AppError('service_failed', this.#failure ?? `${this.#name} is not running.`);
      }
      this.#draining = true;
      this.#cancelWait();
      const target = this.#process ?? (await this.#find());
      if (target === undefined) return;
      try {
        await orderDrain(this.#options.controlSocket, options.deadlineMs);
      } catch (error) {
        this.#options.log.warn({ err: error }, 'service takes no drain');
        // Deaf or still starting: there is nobody to be told, and a stop follows.
        if (wait) return;
        this.#draining = false;
        throw new AppError('service_failed', `${this.#name} did not take the order to drain.`, {
          cause: error,
        });
      }
      if (!wait) {
        this.#leftToDrain = true;
        return;
      }
      await this.#gone(target, options.deadlineMs + POLL_MS * 20);
    });
  }

  stop(): Promise<void> {
    return this.#exclusive(async () => {
      this.#cancelWait();
      this.#draining = true;
      const target = this.#process ?? (await this.#find());
      if (target !== undefined) {
        this.#process = target;
        this.#become('stopping');
        await this.#end(target);
      }
      await rm(this.#options.pidFile, { force: true });
      await rm(this.#options.controlSocket, { force: true });
      this.#process = undefined;
      this.#draining = false;
      this.#leftToDrain = false;
      this.#failure = null;
      this.#become('stopped');
    });
  }

  /** Lets go of the process without touching it. */
  release(): void {
    this.#cancelWait();
    this.#letGo();
    this.#draining = true;
    this.#process = undefined;
    this.#become('stopped');
  }

  async capLogs(): Promise<void> {
    if (this.#state !== 'starting') await this.#options.output.cap();
  }

  async #begin(): Promise<void> {
    this.#draining = false;
    this.#leftToDrain = false;
    this.#failure = null;
    const running = await this.#find();
    if (running !== undefined) {
      this.#process = running;
      this.#become('starting');
      this.#watchAdopted(running);
      void this.#untilReady(running, { adopted: true });
      return;
    }
    try {
      await this.#spawn();
    } catch (cause) {
      this.#failure = `${this.#name} does not start: ${messageOf(cause)}`;
      this.#become('failed');
      throw new AppError('service_failed', this.#failure, { cause });
    }
  }

  async #spawn(): Promise<void> {
    const { command, env, output, pidFile } = this.#options;
    const files = await output.openForProcess();
    try {
      const child = spawn(command.file, command.args, {
        detached: true,
        stdio: ['ignore', files.out.fd, files.err.fd],
        env,
      });
      const ended = new Promise<string>((resolve) => {
        child.once('exit', (code, signal) => {
          resolve(signal === null ? `ended with exit code ${String(code)}` : `was ended by ${signal}`);
        });
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      this.#letGo = () => {
        child.unref();
      };
      const pid = child.pid ?? 0;
      const identity = (await identify(pid)) ?? { pid, startTicks: '' };
      this.#process = identity;
      this.#sinceMs = this.#options.clock.nowMs();
      this.#become('starting');
      void ended.then((how) => this.#ended(identity, how));
      await replaceFile(pidFile, JSON.stringify(identity));
      void this.#untilReady(identity, { adopted: false });
    } finally {
      await files.out.close();
      await files.err.close();
    }
  }

  /** Polls for the ready line and for an answer on the control socket; gives up at the time limit. */
  async #untilReady(target: ProcessIdentity, options: { adopted: boolean }): Promise<void> {
    const { clock, controlSocket, output, service, times, log } = this.#options;
    const deadlineMs = clock.nowMs() + times.readyTimeoutMs;
    let said = options.adopted;
    while (this.#isStarting(target)) {
      said ||= await output.saidReady();
      const hello = said ? await askHello(controlSocket, HELLO_TIMEOUT_MS) : undefined;
      if (!this.#isStarting(target)) return;
      const right = hello?.service === service.kind && hello.namespace === service.namespace;
      if (hello !== undefined && right && hello.pid === target.pid) {
        this.#sinceMs = hello.startedAtMs;
        log.info({ pid: target.pid, adopted: options.adopted }, 'service is ready');
        this.#become('ready');
        return;
      }
      if (clock.nowMs() >= deadlineMs) {
        const seconds = String(Math.round(times.readyTimeoutMs / 1000));
        const what = said ? 'does not answer on its control socket' : 'is not ready';
        this.#failure = `${this.#name} ${what} after ${seconds} s. ${await output.lastWords()}`.trim();
        await signalProcess(target, 'SIGKILL');
        return; // Its end is noticed like any other.
      }
      await this.#pause(POLL_MS);
    }
  }

  #isStarting(target: ProcessIdentity): boolean {
    return this.#process === target && this.#state === 'starting';
  }

  /** A process that is not our child tells nobody that it ended. */
  #watchAdopted(target: ProcessIdentity): void {
    const look = async (): Promise<void> => {
      if (this.#process !== target) return;
      if (!(await isAlive(target))) await this.#ended(target, 'ended');
      else if (this.#process === target) this.#options.clock.after(ADOPTED_POLL_MS, () => void look());
    };
    void look();
  }

  async #ended(target: ProcessIdentity, how: string): Promise<void> {
    const { clock, log, output, times } = this.#options;
    if (this.#process !== target || this.#state === 'stopping') return;
    const words = await output.lastWords();
    if (this.#process !== target) return;
    const wasReady = this.#state === 'ready';
    this.#process = undefined;
    this.#sinceMs = null;
    if (this.#draining) {
      if (this.#leftToDrain) {
        this.#failure = `${this.#name} was drained and has ended. Disable and enable WebRTC, or restart the daemon, to have it back.`;
      }
      this.#become('stopped');
      return;
    }
    this.#failure ??= `${this.#name} ${how}${words === '' ? '.' : `: ${words}`}`;
    log.error({ pid: target.pid, failure: this.#failure }, 'service died');
    if (wasReady) this.#supervise = 'always';
    if (this.#supervise === 'once-ready') {
      this.#become('failed');
      return;
    }
    const nowMs = clock.nowMs();
    this.#crashesMs = [...this.#crashesMs.filter((atMs) => nowMs - atMs < times.budget.perMs), nowMs];
    const spent = this.#crashesMs.length > times.budget.crashes;
    const waitMs = spent
      ? times.budget.perMs
      : backoffMs(this.#crashesMs.length, times.restart, this.#options.random());
    const cancel = clock.after(waitMs, () => {
      void this.#exclusive(async () => {
        if (this.#state !== 'waiting' && this.#state !== 'failed') return;
        this.#restarts += 1;
        await this.#begin();
      }).catch((error: unknown) => {
        log.error({ err: error }, 'service does not start again');
        this.#scheduleAgain();
      });
    });
    this.#cancelWait = cancel;
    this.#become(spent ? 'failed' : 'waiting');
  }

  /** A start that failed outright (no memory, no program) is tried again, slowly. */
  #scheduleAgain(): void {
    const { clock, times } = this.#options;
    this.#cancelWait = clock.after(times.budget.perMs, () => {
      void this.#exclusive(() => this.#begin()).catch(() => {
        this.#scheduleAgain();
      });
    });
  }

  /** The live process of this service, by pid file or, failing that, by its command line. */
  async #find(): Promise<ProcessIdentity | undefined> {
    const marker = this.#options.command.args.slice(-2);
    try {
      const known = pidFileSchema.parse(JSON.parse(await readFile(this.#options.pidFile, 'utf8')));
      if ((await isAlive(known)) && (await hasArguments(known.pid, marker))) return known;
    } catch {
      // No pid file, or one cut off by a crash: the command line decides.
    }
    const [first, ...rest] = await findByArguments(marker);
    for (const other of rest) await this.#end(other); // Two of one service cannot share its ports.
    return first;
  }

  async #end(target: ProcessIdentity): Promise<void> {
    await signalProcess(target, 'SIGTERM');
    if (await this.#gone(target, this.#options.times.termTimeoutMs)) return;
    this.#options.log.warn({ pid: target.pid }, 'service does not end, it is killed');
    await signalProcess(target, 'SIGKILL');
    if (await this.#gone(target, KILL_TIMEOUT_MS)) return;
    this.#failure = `${this.#name} does not end (process ${String(target.pid)}).`;
    this.#become('failed');
    throw new AdapterError(this.#failure, { operation: 'stop', target: this.#name, retryable: true });
  }

  async #gone(target: ProcessIdentity, timeoutMs: number): Promise<boolean> {
    const deadlineMs = this.#options.clock.nowMs() + timeoutMs;
    while (await isAlive(target)) {
      if (this.#options.clock.nowMs() >= deadlineMs) return false;
      await this.#pause(POLL_MS);
    }
    return true;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(delayMs, resolve);
    });
  }

  #become(state: ServiceState): void {
    this.#state = state;
    this.#options.onChange(this.report());
    this.#bell.ring();
  }

  /** One start, stop or drain at a time, in the order asked. */
  #exclusive<Result>(act: () => Promise<Result>): Promise<Result> {
    const next = this.#queue.then(act);
    this.#queue = next.catch(() => undefined);
    return next;
  }
}
