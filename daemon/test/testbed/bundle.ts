/** A bundle for the boxes, made from this checkout; they see it as /src/.cache/testbed/bundle. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const REPOSITORY = join(import.meta.dirname, '../../..');

/** @returns its folder as the box sees it. */
export async function makeBundle(): Promise<string> {
  const path = '.cache/testbed/bundle';
  rmSync(join(REPOSITORY, path), { recursive: true, force: true });
  await promisify(execFile)(join(REPOSITORY, 'scripts/bundle'), [join(REPOSITORY, path)], {
    timeout: 300_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  return `/src/${path}`;
}
