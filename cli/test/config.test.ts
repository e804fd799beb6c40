/** `turnkeep config` against the real API. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { apiBench } from '../../daemon/test/helpers/api-bench.ts';
import { run } from '../program.ts';

void t.test('config: every problem of a file, what runs, and what a file would change', async (t) => {
  const bench = await apiBench(t);
  const folder = mkdtempSync(join(tmpdir(), 'tk-cli-'));
  const socket = join(folder, 'daemon.sock');
  await bench.local.listen({ path: socket });
  const file = join(folder, 'turnkeep.yaml');
  const config = async (...words: string[]) => {
    let out = '';
    const write = (text: string): void => {
      out += text;
    };
    return {
      code: await run(['config', ...words], { out: write, err: write }, { TURNKEEP_SOCKET: socket }),
      out,
    };
  };
  writeFileSync(file, 'api:\n  listn: 127.0.0.1:1\nlogging: { level: loud }\n');
  t.match(await config('check', file), {
    code: 1,
    out: /^line 2: api\.listn: is no key .*did you mean "listen"\?\nline 3: logging\.level: .*\n$/,
  });
  writeFileSync(file, 'logging: { level: debug }\nshield: { address: 10.255.255.1 }\n');
  t.match(await config('check', file), { code: 0, out: /has no problem/ });
  t.match(await config('diff', file), {
    code: 0,
    out: /^KEY +RUNNING +FILE +RESTARTS\nshield\.address +"127\.0\.0\.1" +"10\.255\.255\.1" +services\nlogging\.level +"info" +"debug" +nothing\n$/,
  });
  t.match(await config('show'), { code: 0, out: /\nlogging\.level +"info" +default\n/ });
  writeFileSync(file, '');
  t.match(await config('diff', file), { code: 0, out: /^The daemon runs with what the file says/ });
  t.match(await config('reload'), { code: 0, out: /^The daemon runs with what the file says/ });
});

void t.test('config check needs no daemon', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tk-cli-'));
  const file = join(folder, 'turnkeep.yaml');
  writeFileSync(file, 'api:\n  listn: 127.0.0.1:1\n');
  let out = '';
  const write = (text: string): void => {
    out += text;
  };
  const nobody = { TURNKEEP_SOCKET: join(folder, 'none.sock') };
  t.equal(await run(['config', 'check', file, '--json'], { out: write, err: write }, nobody), 1);
  t.match(JSON.parse(out), { problems: [{ line: 2, key: 'api.listn' }] });
  out = '';
  t.equal(await run(['config', 'check', join(folder, 'no.yaml')], { out: write, err: write }, nobody), 1);
  t.match(out, /there is no such file/);
});
