import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { replaceFile } from '../../system/atomic-file.ts';
import { tempDir } from '../helpers/temp-dir.ts';

t.test('a file has the mode that was asked for, whatever the umask', async (t) => {
  const directory = tempDir(t);
  const path = join(directory, 'file');
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  await replaceFile(path, 'one');
  t.equal(statSync(path).mode & 0o777, 0o600);
  await replaceFile(path, 'two', 0o644);
  t.equal(statSync(path).mode & 0o777, 0o644, 'another user may be meant to read it');
  t.equal(readFileSync(path, 'utf8'), 'two');
  t.strictSame(readdirSync(directory), ['file'], 'nothing is left beside it');
});
