/** Where the services' control sockets and pid files are. */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { AdapterError } from '../kit/errors.ts';

/** sun_path holds 108 bytes with the final zero; the name of a socket takes up to 42. */
const MAX_RUN_DIR_BYTES = 64;

/**
 * `run/` below the data directory, or, when that path is too long for a socket's name, a directory of the
 * same user below the system's temporary one whose name depends on the data directory only.
 */
export function runDirectory(dataDir: string): string {
  const inside = join(dataDir, 'run');
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const { uid } = userInfo();
  const fits = Buffer.byteLength(inside) <= MAX_RUN_DIR_BYTES;
  return ownDirectory(fits ? inside : join(tmpdir(), `turnkeep-${String(uid)}-${hash}`));
}

/** Makes `path` unless it is there. @returns it. Throws an AdapterError when it is not this user's alone. */
export function ownDirectory(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid } = userInfo();
  const found = lstatSync(path);
  // A directory that somebody else prepared could hand us their sockets.
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new AdapterError(`The directory ${path} must belong to this user alone (mode 0700).`, {
      operation: 'run-directory',
      target: path,
    });
  }
  return path;
}
