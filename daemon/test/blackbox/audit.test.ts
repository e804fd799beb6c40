/** The audit of the real daemon: kept over a kill, and `turnkeep audit verify` names what was changed in the file. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { run } from '../../../cli/program.ts';
import { Appliance } from '../helpers/appliance.ts';

async function cli(appliance: Appliance, ...argv: string[]) {
  let out = '';
  const write = (text: string): void => {
    out += text;
  };
  const environment = { TURNKEEP_SOCKET: join(appliance.dir, 'run/turnkeepd.sock') };
  return { code: await run(argv, { out: write, err: write }, environment), out: () => out };
}

t.test('the audit of a daemon that is killed, and of one whose database somebody edits', async (t) => {
  const appliance = await Appliance.start(t, '127.0.52.1');
  await appliance.api.post('/v1/users', { name: 'guard', role: 'viewer' });
  await appliance.api.post('/v1/namespaces', { name: 'demo' });
  process.kill(appliance.daemon.pid!, 'SIGKILL');
  await appliance.until(
    'the daemon is back',
    async () =>
      appliance.daemon.starts === 2 && (await appliance.api.get<{ ready: boolean }>('/readyz')).ready,
  );
  await appliance.api.delete('/v1/namespaces/demo');
  const list = await cli(appliance, 'audit', 'list');
  t.match(
    list.out(),
    /^LINE +AT +WHO +WHAT .*\n3 .* local +namespace.delete +demo .*\n2 .*\n1 .* user.create +- +guard +ok /,
  );
  const intact = await cli(appliance, 'audit', 'verify');
  t.match(
    [intact.code, intact.out()],
    [0, /^The audit is intact: 3 lines, 1 to 3\.\nThe newest line: 3:[0-9a-f]{64}\n$/],
  );

  const database = new Database(join(appliance.dir, 'turnkeep.db'));
  database.exec("DROP TRIGGER audit_no_update; UPDATE audit SET subject = 'other' WHERE seq = 1");
  database.close();
  const changed = await cli(appliance, 'audit', 'verify');
  t.strictSame([changed.code, changed.out()], [1, 'Line 1 was changed.\n']);
});
