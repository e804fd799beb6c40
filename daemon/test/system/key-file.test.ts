import { existsSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadOrCreateKeyFile } from '../../system/key-file.ts';

t.test('a key is made once, for this user only, and never replaced', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'turnkeep-key-')), 'keys', 'a.key');
  const key = await loadOrCreateKeyFile(path, 32);
  t.strictSame(await loadOrCreateKeyFile(path, 32), key);
  t.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(path, 'short');
  await t.rejects(loadOrCreateKeyFile(path, 32), /is not a key of 32 bytes/);
});

t.test('a half-written key of a crash is not taken for one', async (t) => {
  const path = join(t.testdir({ 'a.key.tmp': 'half' }), 'a.key');
  t.equal((await loadOrCreateKeyFile(path, 32)).length, 32);
  t.notOk(existsSync(`${path}.tmp`));
});
