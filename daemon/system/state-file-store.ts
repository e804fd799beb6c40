/**
 * The state file on disk, mode 0600, with its previous copy beside it. At every moment of a write the
 * file is there whole: the old one gets a second name before the new one takes its place, `.prev`, or `.bad` when it
 * could not be used, for whoever wants to know what happened to it.
 */
import { link, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { STATE_FILE_MAX_BYTES } from '../contract/state-file.ts';
import { AdapterError, isErrno } from '../kit/errors.ts';
import type { StateFileStore } from '../namespaces/system.ts';
import { replaceFile, syncDirectory } from './atomic-file.ts';

export class FileStateStore implements StateFileStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<{ current: string | null; previous: string | null }> {
    return { current: await readText(this.#path), previous: await readText(`${this.#path}.prev`) };
  }

  async write(text: string, options: { keepPrevious: boolean }): Promise<void> {
    const path = this.#path;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await this.#keepAs(options.keepPrevious ? 'prev' : 'bad');
      await replaceFile(path, text);
      // The first write has no previous copy: the second is then of the same generation.
      if (!(await exists(`${path}.prev`))) await replaceFile(`${path}.prev`, text);
    } catch (cause) {
      throw new AdapterError(`The state file ${path} cannot be written.`, {
        operation: 'write',
        target: path,
        retryable: true,
        cause,
      });
    }
  }

  async #keepAs(ending: 'prev' | 'bad'): Promise<void> {
    const second = `${this.#path}.${ending}.tmp`;
    await rm(second, { force: true });
    try {
      await link(this.#path, second);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return;
      throw error;
    }
    await rename(second, `${this.#path}.${ending}`);
    await syncDirectory(dirname(this.#path));
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    const { size } = await stat(path);
    // Too long to be ours: the reader refuses a text of this length, whatever stands in it.
    if (size > STATE_FILE_MAX_BYTES) return ' '.repeat(STATE_FILE_MAX_BYTES + 1);
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return null;
    throw new AdapterError(`The state file ${path} cannot be read.`, {
      operation: 'read',
      target: path,
      cause,
    });
  }
}
