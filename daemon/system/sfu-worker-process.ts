/**
 * One worker process of an SFU service: its file, its start, its control connection, and its next start when it ends.
 * It lives no longer than we do: it ends when its standard input does.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { z } from 'zod';
import { sfuControlEvents, sfuControlMethods } from '../contract/control.ts';
import type { SfuServiceConfig } from '../contract/sfu-config.ts';
import { backoffMs } from '../kit/backoff.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { AdapterError, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import { replaceFile } from './atomic-file.ts';
import { ControlClient } from './control-client.ts';

type Events = typeof sfuControlEvents;
type SfuEvent = { [Name in keyof Events]: { name: Name; data: z.output<Events[Name]> } }[keyof Events];
type Control = ControlClient<typeof sfuControlMethods, Events>;

const RESTART = { firstMs: 200, maxMs: 5000 };
/** A worker that lived this long is started again without a longer wait. */
const SETTLED_MS = 60_000;
const READY_TIMEOUT_MS = 25_000;
const TERM_TIMEOUT_MS = 5000;
/** The service manager's watchdog sees our process only: we are theirs. */
const PULSE = { everyMs: 5000, timeoutMs: 10_000 };
/** Of the service manager: they speak of our process. */
const NOT_INHERITED = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'LISTEN_FDS', 'LISTEN_PID'];

export type SfuWorkerProcessOptions = {
  index: number;
  program: string;
  /** The worker's own configuration, at every start. */
  config: () => SfuServiceConfig;
  onEvent: (event: SfuEvent) => void;
  onBegan: () => void;
  onEnded: () => void;
  clock: Clock;
  log: Logger;
};

export class SfuWorkerProcess {
  readonly index: number;
  readonly #options: SfuWorkerProcessOptions;
  #child: ChildProcess | undefined;
  #control: Control | undefined;
  #restarts = 0;
  #failures = 0;
  #beganAtMs = 0;
  #stopping = false;
  #cancelStart: Cancel = () => undefined;
  #cancelPulse: Cancel = () => undefined;

  constructor(options: SfuWorkerProcessOptions) {
    this.#options = options;
    this.index = options.index;
  }

  get pid(): number | null {
    return this.#control === undefined ? null : (this.#child?.pid ?? null);
  }

  get restarts(): number {
    return this.#restarts;
  }

  get control(): Control | undefined {
    return this.#control;
  }

  get signalingSocket(): string {
    return this.#options.config().worker?.signalingSocket ?? '';
  }

  /** The first start. Rejects with an AdapterError when it does not get ready. */
  async start(): Promise<void> {
    await this.#begin();
  }

  /** Has it read its file again. Rejects as `call` does; resolves when it is not there: its next start reads it. */
  async reload(): Promise<void> {
    await this.writeFile();
    await this.#control?.call('reload', {});
  }

  async writeFile(): Promise<void> {
    await replaceFile(this.#file, JSON.stringify(this.#options.config()));
  }

  /** Ends it for good. Twice is harmless. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelStart();
    this.#cancelPulse();
    const child = this.#child;
    this.#control?.close();
    this.#control = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const cancel = this.#options.clock.after(TERM_TIMEOUT_MS, () => child.kill('SIGKILL'));
      child.kill('SIGTERM');
      await ended;
      cancel();
    }
    await rm(this.#file, { force: true });
  }

  get #file(): string {
    return this.#options.config().controlSocket.replace(/\.sock$/, '.json');
  }

  async #begin(): Promise<void> {
    await this.writeFile();
    const child = spawn(process.execPath, [this.#options.program, '--config', this.#file], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_INHERITED.includes(name))),
    });
    this.#child = child;
    child.on('error', () => undefined); // 'exit' or the missing ready line follows.
    child.stdin.on('error', () => undefined);
    try {
      await ready(child);
      const { client } = await ControlClient.open({
        path: this.#options.config().controlSocket,
        methods: sfuControlMethods,
        events: sfuControlEvents,
        onEvent: (event) => {
          if (this.#control === client) this.#options.onEvent(event);
        },
        // Without it the worker cannot be led: it is started anew.
        onClose: () => {
          if (this.#control === client) child.kill('SIGKILL');
        },
      });
      this.#control = client;
    } catch (cause) {
      child.kill('SIGKILL');
      throw new AdapterError(`SFU worker ${String(this.index)} does not start: ${messageOf(cause)}.`, {
        operation: 'start',
        target: `worker ${String(this.index)}`,
        cause,
      });
    }
    this.#beganAtMs = this.#options.clock.nowMs();
    const ended = (): void => {
      this.#ended(child);
    };
    if (child.exitCode !== null || child.signalCode !== null) queueMicrotask(ended);
    else child.once('exit', ended);
    this.#watch(child);
    this.#options.onBegan();
  }

  /** Ends it when it no longer answers. */
  #watch(child: ChildProcess): void {
    const { clock, log } = this.#options;
    const control = this.#control;
    this.#cancelPulse = clock.after(PULSE.everyMs, () => {
      if (control === undefined || this.#control !== control) return;
      control.call('status', {}, { timeoutMs: PULSE.timeoutMs }).then(
        () => {
          if (this.#control === control && !this.#stopping) this.#watch(child);
        },
        () => {
          if (this.#control !== control || this.#stopping) return;
          log.error({ worker: this.index }, 'an SFU worker hangs: it no longer answers, and is ended');
          child.kill('SIGKILL');
        },
      );
    });
  }

  #ended(child: ChildProcess): void {
    if (this.#child !== child || this.#stopping) return;
    const control = this.#control;
    this.#control = undefined;
    control?.close();
    const { clock, log } = this.#options;
    log.error(
      { worker: this.index, code: child.exitCode, signal: child.signalCode },
      'an SFU worker has ended',
    );
    if (clock.nowMs() - this.#beganAtMs >= SETTLED_MS) this.#failures = 0;
    this.#options.onEnded();
    this.#startLater();
  }

  #startLater(): void {
    if (this.#stopping) return;
    const { clock, log } = this.#options;
    this.#failures += 1;
    this.#cancelStart = clock.after(backoffMs(this.#failures, RESTART, Math.random()), () => {
      this.#restarts += 1;
      this.#begin().catch((error: unknown) => {
        log.error({ worker: this.index, reason: messageOf(error) }, 'an SFU worker does not start');
        this.#startLater();
      });
    });
  }
}

/** Resolves with the line by which a service says that it is ready. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, READY_TIMEOUT_MS, new Error('it is not ready in time'));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`it ended with ${String(code ?? signal)}`));
    });
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line !== '{"ready":true}') return;
      clearTimeout(timer);
      resolve();
    });
  });
}
