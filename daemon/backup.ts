/**
 * Makes and restores backups: `node daemon/backup.ts create|restore FILE [--config FILE] [--replace]`. The passphrase
 * comes on standard input. Prints one line of JSON, or a sentence on standard error and exit code 1; then nothing is
 * changed. `turnkeep backup` runs it.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { assertOnlyDaemon } from './host-ports.ts';
import { loadConfig } from './config/load.ts';
import { Audit } from './identity/audit.ts';
import { systemClock as clock } from './kit/clock.ts';
import { isErrno, messageOf } from './kit/errors.ts';
import { SqliteAuditStore } from './store/sqlite/audit-store.ts';
import { openDatabase } from './store/sqlite/database.ts';
import { snapshotDatabase } from './store/sqlite/snapshot.ts';
import { syncDirectory } from './system/atomic-file.ts';
import { packFiles, unpackFiles } from './system/backup/archive.ts';
import { DATABASE, readDataDirectory, writeDataDirectory } from './system/backup/data-directory.ts';
import { BackupError, MAX_BACKUP_BYTES, openBackup, sealBackup } from './system/backup/sealed-backup.ts';

process.umask(0o077);
try {
  const { values, positionals } = parseArgs({
    options: { config: { type: 'string' }, replace: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const [action, file] = positionals;
  if (file === undefined || (action !== 'create' && action !== 'restore')) {
    throw new BackupError('Say create or restore, and the file.');
  }
  const config = loadConfig({ path: values.config, environment: process.env });
  const passphrase = (await text(process.stdin)).replace(/\r?\n$/, '');
  const answer =
    action === 'create'
      ? await create(config.dataDir, resolve(file), passphrase)
      : await restore(config, resolve(file), passphrase, values.replace);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}

async function create(dataDir: string, path: string, passphrase: string): Promise<object> {
  const files = await readDataDirectory(dataDir, () => snapshotDatabase(join(dataDir, DATABASE)));
  const sealed = await sealBackup(packFiles(files), passphrase, clock.nowMs());
  await writeNew(path, sealed);
  await tell(dataDir, 'backup.create', { file: path, bytes: sealed.length });
  return { file: path, bytes: sealed.length, files: files.length };
}

async function restore(
  config: ReturnType<typeof loadConfig>,
  path: string,
  passphrase: string,
  replace: boolean,
): Promise<object> {
  await assertOnlyDaemon(config.api.socket);
  const { size } = await stat(path).catch((cause: unknown) => {
    const why = isErrno(cause, 'ENOENT') ? 'there is no such file' : messageOf(cause);
    throw new BackupError(`${path} cannot be read: ${why}.`, { cause });
  });
  if (size > MAX_BACKUP_BYTES) throw new BackupError(`${path} is too large for a backup of Turnkeep.`);
  const { content, createdAt } = await openBackup(await readFile(path), passphrase);
  const files = unpackFiles(content);
  const { dataDir } = config;
  const replaced = await writeDataDirectory(dataDir, files, { replace, nowMs: clock.nowMs() });
  await tell(dataDir, 'backup.restore', { file: path, createdAt });
  return { dataDir, createdAt, files: files.length, replaced: replaced ?? null };
}

/** Into the audit of that directory: whoever holds a backup holds its secrets. */
async function tell(dataDir: string, action: string, detail: Record<string, unknown>): Promise<void> {
  const key = await readFile(join(dataDir, 'keys', 'audit.key')).catch(() => undefined);
  if (key === undefined) return; // Made before there was an audit.
  const path = join(dataDir, DATABASE);
  const owner = await stat(path);
  if (process.getuid?.() === 0) process.setegid?.(owner.gid);
  if (process.getuid?.() === 0) process.seteuid?.(owner.uid); // The database's side files are the daemon's.
  const database = openDatabase(path);
  try {
    new Audit({ store: new SqliteAuditStore(database), key, clock }).record({
      actor: 'local',
      action,
      detail,
    });
  } finally {
    database.close();
  }
}

/** Never over another file; complete or not there. */
async function writeNew(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
    await link(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw new BackupError(`${path} is there already: name another file.`);
    throw error;
  } finally {
    await file.close();
    await rm(temporary, { force: true });
  }
}
