/** The file of a backup, and how it gets into a data directory. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packFiles, unpackFiles } from '../../system/backup/archive.ts';
import { readDataDirectory, writeDataDirectory } from '../../system/backup/data-directory.ts';
import { openBackup, sealBackup } from '../../system/backup/sealed-backup.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const PASSPHRASE = 'correct horse battery';
const FILES = [
  { path: 'turnkeep.db', bytes: Buffer.from('database') },
  { path: 'cluster_state.json', bytes: Buffer.from('{}') },
  { path: 'keys/host.key', bytes: Buffer.alloc(32, 3) },
];

t.test('opens with its passphrase only, and not with a byte that is another', async (t) => {
  const content = packFiles(FILES);
  const sealed = await sealBackup(content, PASSPHRASE, 0);
  const opened = await openBackup(sealed, PASSPHRASE);
  t.strictSame(opened, { content, createdAt: '1970-01-01T00:00:00.000Z' });
  t.strictSame(unpackFiles(opened.content), FILES);
  await t.rejects(openBackup(sealed, `${PASSPHRASE} `), /passphrase is not the one/);
  const body = sealed.indexOf(0x0a) + 1;
  for (const at of [0, 30, 60, body - 5, body - 1, body, body + 20, sealed.length - 1]) {
    const flipped = Buffer.from(sealed);
    flipped[at]! ^= 1;
    await t.rejects(openBackup(flipped, PASSPHRASE), /damaged|not the one/, `byte ${String(at)}`);
  }
  for (const length of [0, 10, body, body + 3, sealed.length - 1]) {
    await t.rejects(openBackup(sealed.subarray(0, length), PASSPHRASE), /damaged/, `${String(length)} bytes`);
  }
  await t.rejects(sealBackup(content, 'short', 0), /at least 12 characters/);
});

t.test('an archive names no file outside the data directory', (t) => {
  for (const path of ['../x', '/etc/passwd', 'keys/../../x', '.ssh/x', 'a/b/c/d', '']) {
    t.throws(() => packFiles([{ path, bytes: Buffer.alloc(0) }]), path);
  }
  t.throws(() => unpackFiles(Buffer.from('nonsense')), /does not understand/);
  t.end();
});

t.test('writes into an empty directory, or moves aside what is there', async (t) => {
  const dir = join(tempDir(t), 'data');
  t.equal(await writeDataDirectory(dir, FILES, { replace: false, nowMs: 0 }), undefined);
  t.strictSame(readdirSync(dir).sort(), ['cluster_state.json', 'keys', 'turnkeep.db']);
  t.equal(statSync(join(dir, 'keys/host.key')).mode & 0o777, 0o600);
  await t.rejects(
    writeDataDirectory(dir, FILES, { replace: false, nowMs: 0 }),
    /is in use: turnkeep\.db, cluster_state\.json, keys\./,
  );

  writeFileSync(join(dir, 'turnkeep.db-wal'), 'of the old database');
  mkdirSync(join(dir, 'services'));
  const aside = await writeDataDirectory(dir, FILES, { replace: true, nowMs: 0 });
  t.match(aside, /\/replaced-1970-01-01T00-00-00-000Z$/);
  t.strictSame(readdirSync(dir).sort(), [
    'cluster_state.json',
    'keys',
    'replaced-1970-01-01T00-00-00-000Z',
    'turnkeep.db',
  ]);
  t.equal(readFileSync(join(aside!, 'turnkeep.db-wal'), 'utf8'), 'of the old database');
});

t.test('the state file is of the moment of the database', async (t) => {
  const dir = tempDir(t);
  await writeDataDirectory(dir, FILES, { replace: false, nowMs: 0 });
  let times = 0;
  const files = await readDataDirectory(dir, () => {
    times += 1;
    // Somebody enables a namespace meanwhile, twice.
    if (times < 3) writeFileSync(join(dir, 'cluster_state.json'), `{"generation":${String(times)}}`);
    return Buffer.from(`database ${String(times)}`);
  });
  const text = (path: string) => files.find((one) => one.path === path)?.bytes.toString();
  t.strictSame([text('turnkeep.db'), text('cluster_state.json')], ['database 3', '{"generation":2}']);
  await t.rejects(
    readDataDirectory(tempDir(t), () => Buffer.alloc(0)),
    /no host key/,
  );
});
