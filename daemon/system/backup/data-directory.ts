/** What of a data directory is in a backup, and how it gets into another one: whole, or not at all. */
import { chown, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno } from '../../kit/errors.ts';
import { syncDirectory } from '../atomic-file.ts';
import type { BackupFile } from './archive.ts';
import { BackupError } from './sealed-backup.ts';

export const DATABASE = 'turnkeep.db';
const STATE_FILE = 'cluster_state.json';
const FOLDERS = ['keys', 'ca', 'turn-certificates', 'acme'];
/** What stands for this host's identity and state: none of it may be there when a backup comes. */
const OWN = [
  DATABASE,
  `${DATABASE}-wal`,
  `${DATABASE}-shm`,
  STATE_FILE,
  `${STATE_FILE}.prev`,
  ...FOLDERS,
  'services',
];
const TRIES = 5;

/**
 * Reads it while the daemon may be running. `snapshot` reads the database as of one moment.
 * @throws BackupError when there is nothing to back up.
 */
export async function readDataDirectory(dataDir: string, snapshot: () => Buffer): Promise<BackupFile[]> {
  for (let tries = 1; ; tries += 1) {
    const state = await readOptional(join(dataDir, STATE_FILE));
    const database = snapshot();
    const after = await readOptional(join(dataDir, STATE_FILE));
    // Both of one moment: who enables a namespace now changes both.
    if ((state === undefined ? after !== undefined : !after?.equals(state)) && tries < TRIES) continue;
    const files: BackupFile[] = [{ path: DATABASE, bytes: database }];
    if (after !== undefined) files.push({ path: STATE_FILE, bytes: after });
    for (const folder of FOLDERS) files.push(...(await filesIn(dataDir, folder)));
    if (files.some(({ path }) => path === 'keys/host.key')) return files;
    throw new BackupError(
      `${dataDir} has no host key: no daemon has run there. Name its configuration with --config.`,
    );
  }
}

/**
 * Writes a backup into a data directory that no daemon uses. What is there makes it fail, or with `replace` is moved
 * into `replaced-TIME/` beside it. Nothing of the directory changes before everything is on the disk.
 * @returns where the old things are, if there were any.
 */
export async function writeDataDirectory(
  dataDir: string,
  files: BackupFile[],
  options: { replace: boolean; nowMs: number },
): Promise<string | undefined> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const there = new Set(await readdir(dataDir));
  const old = OWN.filter((name) => there.has(name));
  if (old.length > 0 && !options.replace) {
    throw new BackupError(
      `${dataDir} is in use: ${old.join(', ')}. Add --replace to move that aside, or restore into an empty one.`,
    );
  }
  const owner = await stat(dataDir);
  const staging = join(dataDir, 'restore.tmp');
  await rm(staging, { recursive: true, force: true });
  const folders = new Set([staging]);
  for (const { path, bytes } of files) {
    const target = join(staging, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    for (let at = dirname(target); at !== dataDir; at = dirname(at)) folders.add(at);
    const file = await open(target, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
      // Run by root for the user of the daemon.
      if (process.getuid?.() === 0) await file.chown(owner.uid, owner.gid);
    } finally {
      await file.close();
    }
  }
  for (const folder of folders) {
    if (process.getuid?.() === 0) await chown(folder, owner.uid, owner.gid);
    await syncDirectory(folder);
  }
  const aside = join(dataDir, `replaced-${new Date(options.nowMs).toISOString().replaceAll(/[:.]/g, '-')}`);
  if (old.length > 0) {
    await mkdir(aside, { mode: 0o700 });
    for (const name of old) await rename(join(dataDir, name), join(aside, name));
  }
  // The database last: a daemon that finds none starts from the state file, and one without keys does not start anew.
  const names = (await readdir(staging)).sort((a, b) => Number(a === DATABASE) - Number(b === DATABASE));
  for (const name of names) await rename(join(staging, name), join(dataDir, name));
  await rm(staging, { recursive: true });
  await syncDirectory(dataDir);
  return old.length > 0 ? aside : undefined;
}

async function filesIn(dataDir: string, folder: string): Promise<BackupFile[]> {
  const names = await readdir(join(dataDir, folder)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const files: BackupFile[] = [];
  for (const name of names.sort()) {
    const bytes = name.endsWith('.tmp') ? undefined : await readOptional(join(dataDir, folder, name));
    if (bytes !== undefined) files.push({ path: `${folder}/${name}`, bytes });
  }
  return files;
}

async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'EISDIR')) return undefined;
    throw error;
  }
}
