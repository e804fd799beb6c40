/**
 * Keeps one child process running: started again after a pause when it ends by itself, ended with SIGTERM (and
 * SIGKILL after a deadline) by `stop`. The quickstart and the tests run daemon and camera with it, as systemd does on a
 * server.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export type SupervisedOptions = {
  /** Arguments for the running Node. */
  args: string[];
  env: Record<string, string>;
  /** Standard output and error are appended here. */
  logFile: string;
  restartMs: number;
  /** Called with every line of JSON the process prints on standard output; the log file gets them too. */
  onStdout?: (text: string) => void;
  onExit?: (code: number | null, signal: NodeJS.Signals | null) => void;
};

const KILL_AFTER_MS = 15_000;

export class SupervisedProcess {
  readonly #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #starts = 0;

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts;
  }

  start(): void {
    const { args, env, logFile, onStdout, onExit, restartMs } = this.#options;
    this.#starts += 1;
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
      stdio: ['ignore', onStdout === undefined ? log : 'pipe', log],
      // Ctrl-C reaches the terminal's whole group; the order of ending is ours.
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    if (onStdout !== undefined) child.stdout?.on('data', (chunk: Buffer) => onStdout(chunk.toString()));
    child.on('exit', (code, signal) => {
      this.#child = undefined;
      onExit?.(code, signal);
      if (!this.#stopped) this.#timer = setTimeout(() => this.start(), restartMs);
    });
  }

  /** Ends the process at once and for good. */
  kill(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
  }

  /** Ends the process for good; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await gone;
    clearTimeout(timer);
  }
}
