/** The command line as a process: what it does with an output that nobody reads, or that is full. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';

const TURNKEEP = join(import.meta.dirname, '../turnkeep.ts');
const env = { ...process.env, TURNKEEP_SOCKET: join(mkdtempSync(join(tmpdir(), 'tk-cli-')), 'none.sock') };

void t.test('a reader that has seen enough ends nothing with a stack trace', async (t) => {
  const child = spawn(process.execPath, [TURNKEEP, '--help'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy(); // As `| head -1` does, before the first line.
  const [err] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  t.strictSame([child.exitCode, err], [0, '']);
});

void t.test('what cannot be written is told, with exit code 1', async (t) => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [TURNKEEP, '--help'], { env, stdio: ['ignore', full, 'pipe'] });
  const [err] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
  t.equal(child.exitCode, 1);
  t.match(err, /^The output cannot be written: .*no space left.*\n$/i);
});
