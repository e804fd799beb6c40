/**
 * The audit of the real daemon: kept over a kill; `turnkeep audit verify` names what was changed in the file; who
 * watched a camera stands in it once, also when another daemon sees its end.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { run } from '../../../cli/program.ts';
import type { AuditList } from '../../contract/audit.ts';
import { Appliance } from '../helpers/appliance.ts';
import { SignalingClient } from '../helpers/sfu-signaling-client.ts';

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

t.test('who watched a camera, from when to when, over a kill of the daemon', async (t) => {
  const appliance = await Appliance.start(t, '127.0.52.2', { services: { stopOnExit: false } });
  t.teardown(() => endServices(appliance));
  t.equal((await appliance.enableNamespace('demo')).state, 'succeeded');
  const { device } = await appliance.addCamera('Dock', { namespace: 'demo' });
  const view = async (): Promise<SignalingClient> => {
    const { ticket } = await appliance.api.post<{ ticket: string }>('/v1/webrtc/tickets', {
      namespace: 'demo',
    });
    const socket = await SignalingClient.open(
      `${appliance.url.replace('http', 'ws')}/v1/webrtc/signal?ticket=${ticket}`,
    );
    socket.send('join', { roomId: `camera:${device.id}` });
    return socket;
  };
  const lines = async (action: string): Promise<AuditList['items']> =>
    (await appliance.api.get<AuditList>(`/v1/audit?action=${action}`)).items;
  const began = (count: number) =>
    appliance.until('the watch is told', async () => (await lines('camera.watch')).length === count);
  const ended = (count: number) =>
    appliance.until('its end is told', async () => (await lines('camera.watched')).length === count);

  const first = await view();
  await began(1);
  first.send('leave', { roomId: `camera:${device.id}` });
  await ended(1);
  t.match(await lines('camera.watched'), [
    { actor: 'local', namespace: 'demo', subject: device.id, detail: { room: `camera:${device.id}` } },
  ]);
  const [over] = await lines('camera.watched');
  t.ok(Date.parse(String(over?.detail['to'])) > Date.parse(String(over?.detail['from'])));

  await view();
  await began(2);
  const [open] = await lines('camera.watch');
  process.kill(appliance.daemon.pid!, 'SIGKILL');
  await appliance.until(
    'the room is closed by the next daemon',
    async () =>
      appliance.daemon.starts === 2 &&
      (await appliance.api.delete(`/v1/webrtc/rooms/camera:${device.id}?namespace=demo`)) !== undefined,
  );
  await ended(2);
  t.match((await lines('camera.watched'))[0]?.detail, { watch: open?.detail['watch'] });
  t.equal((await lines('camera.watch')).length, 2, 'nothing is told twice');
  t.equal((await cli(appliance, 'audit', 'verify')).code, 0);
});

/** The services outlive their daemon here. */
async function endServices(appliance: Appliance): Promise<void> {
  const { operationId } = await appliance.api.post<{ operationId: string }>(
    '/v1/namespaces/demo/webrtc/disable',
    {},
  );
  await appliance.operation(operationId);
}
