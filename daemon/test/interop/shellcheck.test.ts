/** Every shell script of the repository, by shellcheck. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../../..');

t.test('no script has anything that shellcheck warns of', (t) => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
  const scripts = files.filter((file) => {
    if (/\.(ts|js|json|md|css|html|svg|yaml|cc|c|h|png)$/.test(file)) return false;
    return /^#!.*\b(sh|bash)\b/.test(readFileSync(join(root, file), 'utf8').slice(0, 40));
  });
  t.ok(scripts.includes('install.sh') && scripts.includes('scripts/test'));
  const { status, stdout } = spawnSync('shellcheck', ['-x', ...scripts], { cwd: root, encoding: 'utf8' });
  t.equal(status, 0, stdout);
  t.end();
});
