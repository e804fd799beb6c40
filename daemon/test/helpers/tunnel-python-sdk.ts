/** The official Python SDK in a virtual environment of its own, and a producer on it as a child process. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const INTEROP = join(import.meta.dirname, '../interop');
const REQUIREMENTS = join(INTEROP, 'rstream-python-requirements.txt');
const ENVIRONMENT = join(import.meta.dirname, '../../../.cache/rstream-python');
const run = promisify(execFile);

/** The Python of the environment, made when missing; or the sentence that says why there is none. */
export async function pythonSdk(): Promise<{ python: string } | { missing: string }> {
  const python = join(ENVIRONMENT, 'bin/python');
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  const stamp = join(ENVIRONMENT, 'turnkeep-requirements');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return { python };
  try {
    await run('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']);
  } catch {
    return { missing: 'Python 3.10 or newer is not installed as python3' };
  }
  try {
    rmSync(ENVIRONMENT, { recursive: true, force: true });
    mkdirSync(ENVIRONMENT, { recursive: true });
    await run('python3', ['-m', 'venv', ENVIRONMENT], { timeout: 120_000 });
    await run(
      python,
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        '--only-binary',
        ':all:',
        '-r',
        REQUIREMENTS,
      ],
      { timeout: 240_000 },
    );
    writeFileSync(stamp, wanted);
    return { python };
  } catch (error) {
    const reason = String((error as { stderr?: string }).stderr ?? error).trim();
    return { missing: `The rstream Python SDK cannot be installed: ${reason.split('\n').at(-1)}` };
  }
}

export type ProducerEvent = { event: string; [field: string]: unknown };

export class PythonProducer {
  readonly process: ChildProcess;
  readonly #events: ProducerEvent[] = [];
  #stderr = '';
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(python: string) {
    const child = spawn(python, ['-u', join(INTEROP, 'rstream-python-producer.py')], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '' },
    });
    this.process = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#events.push(JSON.parse(line) as ProducerEvent);
      this.#wake();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000);
    });
    child.on('exit', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  command(command: object): void {
    this.process.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  /** The next event, whatever it is. */
  async next(): Promise<ProducerEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#ended) throw new Error(`the producer ended: ${this.#stderr}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }
}
