/** A key of this host that is random once and the same ever after: a file of its own, mode 0600. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { AdapterError, isErrno } from '../kit/errors.ts';

/** Reads the key, or makes it. Throws an AdapterError when the file has another length: it is never replaced. */
export function loadOrCreateSecretFile(path: string, bytes: number): Buffer {
  try {
    const known = readFileSync(path);
    if (known.length === bytes) return known;
    throw new AdapterError(
      `${path} is not a key of ${String(bytes)} bytes. Restore it, or remove it to make a new one.`,
      {
        operation: 'read',
        target: path,
      },
    );
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const key = randomBytes(bytes);
  // Complete or not there: a crash between the two calls leaves a file nobody reads.
  writeFileSync(`${path}.tmp`, key, { mode: 0o600, flush: true });
  chmodSync(`${path}.tmp`, 0o600);
  renameSync(`${path}.tmp`, path);
  return key;
}
