/** Builds and drives the load generator `turn-load/turn-load.c`. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Flow } from './turn-flows.ts';

export type Direction = 'up' | 'down' | 'both';
/** `window`: so many packets under way for each flow and direction. `rate`: packets a second in all. */
export type Load = { direction: Direction; burst: number; window: number } | RatedLoad;
export type RatedLoad = { direction: Direction; burst: number; rate: number };
export type LoadResult = { sent: number; received: number; elapsedMs: number };

const REPOSITORY = resolve(import.meta.dirname, '../..');
const ANSWER_LIMIT_MS = 30_000;

/** @returns the program. @throws Error naming what to install. */
export function buildGenerator(): string {
  const folder = join(REPOSITORY, '.cache/bench');
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'turn-load');
  const source = join(import.meta.dirname, 'turn-load/turn-load.c');
  const build = spawnSync('cc', ['-O2', '-o', program, source], { encoding: 'utf8' });
  if (build.error !== undefined) {
    throw new Error('The TURN benchmark needs a C compiler: apt-get install gcc libc6-dev');
  }
  if (build.status !== 0) throw new Error(`cannot compile the load generator: ${build.stderr}`);
  return program;
}

export class Generator {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  /** @param command Program and arguments; what pins it to a core may stand before it. */
  constructor(command: readonly string[]) {
    const [program = '', ...args] = command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout });
  }

  async add(flow: Flow): Promise<void> {
    const { client, server, peer, relayed, upHeader, payloadBytes } = flow;
    const ends = [client, server, peer, relayed].map(({ address, port }) => `${address} ${port}`);
    await this.#ask(`flow ${ends.join(' ')} ${upHeader.toString('hex')} ${payloadBytes}`);
  }

  async run(load: Load, milliseconds: number): Promise<LoadResult> {
    const mode = 'rate' in load ? `rate ${load.rate}` : `window ${load.window}`;
    return JSON.parse(
      await this.#ask(`run ${load.direction} ${milliseconds} ${load.burst} ${mode}`),
    ) as LoadResult;
  }

  close(): void {
    this.#child.kill();
  }

  #ask(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#lines.off('line', onLine);
        this.#lines.off('close', onClose);
      };
      const onLine = (answer: string): void => {
        finish();
        resolve(answer);
      };
      const onClose = (): void => {
        finish();
        reject(new Error('the load generator ended'));
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error('the load generator is silent'));
      }, ANSWER_LIMIT_MS);
      this.#lines.on('line', onLine);
      this.#lines.on('close', onClose);
      this.#child.stdin?.write(`${line}\n`);
    });
  }
}
