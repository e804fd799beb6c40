/** A directory with a short path: names of unix sockets below it must fit in 107 bytes. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Test } from 'tap';

export function temporaryDirectory(t: Test): string {
  const path = mkdtempSync('/tmp/tk-ns-');
  t.teardown(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}
