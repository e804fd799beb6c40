/**
 * A key of this host: random once and the same ever after, a 0600 file of its own. It is complete or not there,
 * whatever moment the power goes, and an existing one is never replaced.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AdapterError, isErrno } from '../kit/errors.ts';
import { syncDirectory } from './atomic-file.ts';

/**
 * Reads the key, or makes it. Rejects with an AdapterError when the file has another length or when others
 * may read it: a key that leaked is not used silently.
 */
export async function loadOrCreateKeyFile(path: string, bytes: number): Promise<Buffer> {
  const known = await readKey(path, bytes);
  if (known !== undefined) return known;
  const key = randomBytes(bytes);
  const temporary = `${path}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(temporary, { force: true }); // A leftover of a crash.
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(key);
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike a rename, a link fails when the name is taken.
    await link(temporary, path);
    await rm(temporary);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw keyError(path, 'cannot be written', cause);
  }
  return key;
}

async function readKey(path: string, bytes: number): Promise<Buffer | undefined> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o077) !== 0) throw keyError(path, 'is readable by others: chmod 600 it, or replace it');
    if (size !== bytes) {
      const sizes = `it has ${String(size)} bytes instead of ${String(bytes)}. Restore it from a backup`;
      throw keyError(path, `is not a key of ${String(bytes)} bytes: ${sizes}`);
    }
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (error instanceof AdapterError) throw error;
    throw keyError(path, 'cannot be read', error);
  }
}

function keyError(path: string, what: string, cause?: unknown): AdapterError {
  return new AdapterError(`The key file ${path} ${what}.`, { operation: 'key-file', target: path, cause });
}
