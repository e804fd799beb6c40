/** The two log files of one service: opened for it, read for its first and last words, kept small. */
import { copyFile, mkdir, open, stat, truncate, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { isErrno } from '../kit/errors.ts';

/** Much more than a start writes before it is ready. */
const READY_SCAN_BYTES = 256 * 1024;
const TAIL_BYTES = 8192;
const TAIL_CHARS = 600;
const LOG_LEVEL_ERROR = 50;

export class ServiceLog {
  readonly #outPath: string;
  readonly #errPath: string;
  readonly #maxBytes: number;
  #outStart = 0;
  #errStart = 0;

  /** `basePath` gets the endings `.log` (stdout) and `.err` (stderr); each is cut at `maxBytes`. */
  constructor(basePath: string, options: { maxBytes: number }) {
    this.#outPath = `${basePath}.log`;
    this.#errPath = `${basePath}.err`;
    this.#maxBytes = options.maxBytes;
  }

  /** Files for a new process; what it writes from now on is its own. The caller closes them. */
  async openForProcess(): Promise<{ out: FileHandle; err: FileHandle }> {
    await mkdir(dirname(this.#outPath), { recursive: true, mode: 0o700 });
    await this.cap();
    // Appending writers go on at the new end after a truncation: that is what makes the cap work.
    const out = await open(this.#outPath, 'a', 0o600);
    try {
      const err = await open(this.#errPath, 'a', 0o600);
      this.#outStart = (await out.stat()).size;
      this.#errStart = (await err.stat()).size;
      return { out, err };
    } catch (error) {
      await out.close();
      throw error;
    }
  }

  /** True when the process said `{"ready":true}` on a line of its own. */
  async saidReady(): Promise<boolean> {
    const text = await readPart(this.#outPath, this.#outStart, READY_SCAN_BYTES);
    return text.split('\n').some((line) => line.includes('"ready"') && isReadyLine(line));
  }

  /** What the process said last: its stderr, or else its last logged error, in one line; may be empty. */
  async lastWords(): Promise<string> {
    const text = await tailOf(this.#errPath, this.#errStart);
    const words = text.trim() === '' ? lastLoggedError(await tailOf(this.#outPath, this.#outStart)) : text;
    const line = words.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
    return line.length > TAIL_CHARS ? `... ${line.slice(-TAIL_CHARS)}` : line;
  }

  /** Moves what is too long aside, to `.1`. Never called between a start and its readiness. */
  async cap(): Promise<void> {
    for (const path of [this.#outPath, this.#errPath]) {
      if ((await sizeOf(path)) <= this.#maxBytes) continue;
      await copyFile(path, `${path}.1`);
      await truncate(path, 0);
    }
    this.#outStart = Math.min(this.#outStart, await sizeOf(this.#outPath));
    this.#errStart = Math.min(this.#errStart, await sizeOf(this.#errPath));
  }
}

const logLineSchema = z.object({ level: z.number().min(LOG_LEVEL_ERROR), msg: z.string() });

/** The message of the last log line of level error or above; the lines are JSON objects. */
export function lastLoggedError(text: string): string {
  for (const line of text.split('\n').reverse()) {
    try {
      const found = logLineSchema.safeParse(JSON.parse(line));
      if (found.success) return found.data.msg;
    } catch {
      continue; // Cut off at the front, or no log line.
    }
  }
  return '';
}

async function tailOf(path: string, start: number): Promise<string> {
  return readPart(path, Math.max(start, (await sizeOf(path)) - TAIL_BYTES), TAIL_BYTES);
}

function isReadyLine(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'ready' in value && value.ready === true;
  } catch {
    return false; // Another log line.
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  }
}

async function readPart(path: string, from: number, maxBytes: number): Promise<string> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(maxBytes), position: from });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
