/** The content of a backup: gzip of one line of JSON, the list of files, and the files one after the other. Pure. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { BackupError, MAX_BACKUP_BYTES } from './sealed-backup.ts';

export type BackupFile = { path: string; bytes: Buffer };

/** Below the data directory, without a way out of it. */
const pathSchema = z.string().regex(/^(?!\.)[A-Za-z0-9._-]{1,128}(?:\/(?!\.)[A-Za-z0-9._-]{1,128}){0,2}$/);
const listSchema = z.object({
  files: z.array(z.object({ path: pathSchema, size: z.number().int().min(0) })).max(1000),
});

export function packFiles(files: BackupFile[]): Buffer {
  const list = { files: files.map(({ path, bytes }) => ({ path, size: bytes.length })) };
  const line = Buffer.from(`${JSON.stringify(listSchema.parse(list))}\n`, 'utf8');
  return gzipSync(Buffer.concat([line, ...files.map(({ bytes }) => bytes)]));
}

/** Throws a BackupError for what packFiles did not make. */
export function unpackFiles(content: Buffer): BackupFile[] {
  try {
    const plain = gunzipSync(content, { maxOutputLength: MAX_BACKUP_BYTES });
    let at = plain.indexOf(0x0a) + 1;
    const { files } = listSchema.parse(JSON.parse(plain.subarray(0, at).toString('utf8')));
    const found = files.map(({ path, size }) => {
      const bytes = plain.subarray(at, at + size);
      if (bytes.length !== size) throw new Error(`${path} is cut off`);
      at += size;
      return { path, bytes };
    });
    if (at !== plain.length) throw new Error('there is something behind the last file');
    return found;
  } catch (cause) {
    throw new BackupError('The backup holds something that this version does not understand.', { cause });
  }
}
