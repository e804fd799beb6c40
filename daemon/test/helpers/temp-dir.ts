/**
 * A directory of a test under the system's temporary folder, removed at its end. Unlike `t.testdir()` its path is
 * short: a unix socket's path has at most 107 bytes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function tempDir(t: { teardown: (fn: () => void) => void }): string {
  const path = mkdtempSync(join(tmpdir(), 'tk-'));
  t.teardown(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}
