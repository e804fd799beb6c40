/** Replaces a file so that a power cut leaves the old or the new contents, never a mixture. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** tmp + fsync + rename + fsync(dir). The file is `mode` (default 0600), whatever the umask: the daemon's is 077. */
export async function replaceFile(path: string, text: string, mode = 0o600): Promise<void> {
  const temporary = `${path}.tmp`;
  await rm(temporary, { force: true }); // A leftover of a crash may have another mode or owner.
  const file = await open(temporary, 'wx', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** Makes renames and new names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
