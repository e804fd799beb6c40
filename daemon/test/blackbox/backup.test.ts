/** A backup of one real daemon becomes another one: everything is back, and what is not a backup changes nothing. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../../../cli/program.ts';
import type { DeviceCreated } from '../../contract/api.ts';
import type { AuditList } from '../../contract/audit.ts';
import { Appliance } from '../helpers/appliance.ts';
import { tempDir } from '../helpers/temp-dir.ts';

t.setTimeout(150_000);
const ADDRESS = '127.0.52.5';
const PASSPHRASE = 'correct horse battery';

t.test('namespaces, cameras, users, secrets, ports and the CA come back on another host', async (t) => {
  const folder = tempDir(t);
  const file = join(folder, 'turnkeep.backup');
  const passphraseFile = join(folder, 'passphrase');
  writeFileSync(passphraseFile, `${PASSPHRASE}\n`);
  const backup = async (at: Appliance, ...words: string[]) => {
    let out = '';
    const write = (text: string): void => {
      out += text;
    };
    const options = ['--config', join(at.dir, 'turnkeep.yaml'), '--passphrase-file', passphraseFile];
    const code = await run(['backup', ...words, ...options], { out: write, err: write }, {});
    return { code, out };
  };

  const one = await Appliance.start(t, ADDRESS);
  t.equal((await one.enableNamespace('demo')).state, 'succeeded');
  await one.api.post('/v1/users', { name: 'guard', role: 'viewer' });
  const camera = await one.api.post<DeviceCreated>('/api/devices', { name: 'Dock', namespace: 'demo' });
  const { key } = await one.api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
    ...{ name: 'shop', role: 'viewer' },
  });
  await one.api.post('/v1/namespaces/demo/turn/revoke', { subject: 'mallory' });
  const seen = async (at: Appliance) => {
    const { devices } = await at.api.get<{ devices: { id: string; name: string }[] }>('/api/devices');
    const call = (path: string, init: RequestInit) =>
      fetch(`${at.url}${path}`, init).then(({ status }) => status);
    const { turn, sfu } = (await at.status('demo')) as unknown as Record<string, { ports?: unknown }>;
    const state = JSON.parse(readFileSync(join(at.dir, 'cluster_state.json'), 'utf8')) as object;
    return {
      users: await at.api.get('/v1/users'),
      cameras: devices.map(({ id, name }) => ({ id, name })),
      revoked: await at.api.get('/v1/namespaces/demo/turn/revoked'),
      keys: await at.api.get('/v1/namespaces/demo/api-keys'),
      ports: [turn?.ports, sfu?.ports],
      uris: (await at.api.post<{ uris: string[] }>('/v1/namespaces/demo/turn/credentials', {})).uris,
      secrets: JSON.stringify(state)
        .match(/v1\.[A-Za-z0-9_-]{40,}/g)
        ?.sort(),
      apiKey: await call('/v1/namespaces/demo', { headers: { 'x-api-key': key } }),
      camera: await call('/api/devices/turn', {
        method: 'POST',
        headers: { authorization: `Bearer ${camera.secret}` },
      }),
      ca: readFileSync(join(at.dir, 'ca', 'ca.pem'), 'utf8'),
      hostKey: digest(join(at.dir, 'keys', 'host.key')),
    };
  };
  await seen(one); // The key has been used before, as it will have been then.
  const before = await seen(one);
  t.match(before, { apiKey: 200, camera: 200 });

  t.match(await backup(one, 'create', file), { code: 0, out: /files, [0-9]+ bytes, encrypted/ });
  t.match(await backup(one, 'create', file), { code: 1, out: /is there already: name another file/ });
  const sealed = readFileSync(file);
  for (const secret of [PASSPHRASE, key, camera.secret, 'guard', 'Dock', 'SQLite format']) {
    t.notOk(sealed.includes(secret), 'nothing is to be read in it');
  }
  t.match(await backup(one, 'restore', file, '--replace'), { code: 1, out: /Another turnkeepd runs/ });
  await one.daemon.stop();

  const two = await Appliance.start(t, ADDRESS);
  await two.daemon.stop();
  const untouched = tree(two.dir);
  const refuses = async (what: RegExp, ...words: string[]): Promise<void> => {
    t.match(await backup(two, 'restore', ...words), { code: 1, out: what });
    t.strictSame(tree(two.dir), untouched, 'nothing is changed');
  };
  await refuses(/is in use: turnkeep\.db, .*--replace/, file);
  writeFileSync(passphraseFile, 'another passphrase');
  await refuses(/passphrase is not the one/, file, '--replace');
  writeFileSync(passphraseFile, PASSPHRASE);
  const flipped = Buffer.from(sealed);
  flipped[Math.floor(sealed.length / 2)]! ^= 1;
  writeFileSync(join(folder, 'flipped'), flipped);
  await refuses(/is damaged/, join(folder, 'flipped'), '--replace');

  t.match(await backup(two, 'restore', file, '--replace'), {
    code: 0,
    out: /What was there is in .*replaced-/,
  });
  two.daemon.start();
  await two.until('the namespace is back', async () => {
    const { items } = await two.api.get<{ items: { name: string }[] }>('/v1/namespaces');
    const { turn } = (await two.status('demo')) as unknown as { turn?: { ready?: boolean } };
    return items.length === 1 && turn !== undefined;
  });
  await two.until('its TURN service is', async () => {
    const status = await two.api.get<{ ready: boolean }>('/v1/namespaces/demo/turn/status');
    return status.ready;
  });
  t.strictSame(await seen(two), before);
  const { items } = await two.api.get<AuditList>('/v1/audit?limit=1000');
  const actions = items.map(({ action }) => action).filter((action) => action.startsWith('backup.'));
  t.strictSame(actions, ['backup.restore'], 'the line of its making is younger than the backup itself');
  t.match(await two.api.get('/v1/audit/verify'), { intact: true });
});

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Every file that is kept, with its content. */
function tree(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && !/\/(?:run|cache)(?:\/|$)|\.log$/.test(join(one.parentPath, one.name)))
    .map((one) => `${join(one.parentPath, one.name)} ${digest(join(one.parentPath, one.name))}`)
    .sort();
}
