/** A bundle for the boxes, made from this checkout; they see it as /src/.cache/testbed/bundle. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const REPOSITORY = join(import.meta.dirname, '../../..');
const PATH = '.cache/testbed/bundle';
const MARKER = join(REPOSITORY, '.cache/testbed/bundle.of');

/** Makes it, unless the last one is of exactly these files. @returns its folder as the box sees it. */
export async function makeBundle(): Promise<string> {
  const key = keyOfCheckout();
  if (existsSync(MARKER) && readFileSync(MARKER, 'utf8') === key) return `/src/${PATH}`;
  rmSync(MARKER, { force: true });
  rmSync(join(REPOSITORY, PATH), { recursive: true, force: true });
  await promisify(execFile)(join(REPOSITORY, 'scripts/bundle'), [join(REPOSITORY, PATH)], {
    timeout: 300_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  writeFileSync(MARKER, key);
  return `/src/${PATH}`;
}

/** Every file that git knows or would add, by content. */
function keyOfCheckout(): string {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const files = execFileSync('git', list, { cwd: REPOSITORY, encoding: 'utf8' }).split('\0').filter(Boolean);
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const path = join(REPOSITORY, file);
    if (existsSync(path)) hash.update(file).update(readFileSync(path));
  }
  return hash.digest('hex');
}
