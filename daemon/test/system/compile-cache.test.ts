import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { compileCacheIn, fillCompileCache } from '../../system/compile-cache.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const TURN = 'daemon/turn-service.ts';

function cacheOf(t: Test): string {
  const { NODE_COMPILE_CACHE: folder } = compileCacheIn(tempDir(t));
  return folder!;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name} ${String(statSync(join(entry.parentPath, entry.name)).mtimeMs)}`)
    .sort();
}

t.test('a service that starts later finds its whole program compiled', async (t) => {
  const folder = cacheOf(t);
  t.equal(statSync(folder).mode & 0o777, 0o700, 'nobody else writes what is run');
  await fillCompileCache({ folder, programs: [TURN], log: silentLog });
  const filled = filesIn(folder);
  t.ok(filled.length > 50, `${String(filled.length)} modules`);
  // Without a file it loads everything and ends.
  t.throws(() =>
    execFileSync(process.execPath, [TURN], { env: { NODE_COMPILE_CACHE: folder }, stdio: 'pipe' }),
  );
  t.same(filesIn(folder), filled, 'nothing was left to compile');
});

t.test('only an empty cache is waited for', async (t) => {
  const folder = cacheOf(t);
  await t.resolves(
    fillCompileCache({ folder, programs: ['nowhere.ts'], log: silentLog }),
    'no fault to end with',
  );
  mkdirSync(join(folder, 'v24'));
  writeFileSync(join(folder, 'v24', 'compiled'), '');
  const gate = join(tempDir(t), 'gate');
  const program = `${gate}.mjs`;
  writeFileSync(
    program,
    `import { existsSync } from 'node:fs';
     const timer = setInterval(() => { if (existsSync(${JSON.stringify(gate)})) clearInterval(timer); }, 20);`,
  );
  // That this resolves is the proof: the program has not ended.
  await fillCompileCache({ folder, programs: [program], log: silentLog, laterMs: 0 });
  writeFileSync(gate, '');
});
