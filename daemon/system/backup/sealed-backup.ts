/**
 * The file of a backup: one line of JSON in the clear, then everything else in AES-256-GCM with a key that scrypt
 * makes of the passphrase (RFC 7914). The line is authenticated too: a flipped byte anywhere opens nothing.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, scrypt } from 'node:crypto';
import { z } from 'zod';
import { equalInConstantTime } from '../../kit/secret.ts';

export const MIN_PASSPHRASE_CHARS = 12;
export const MAX_BACKUP_BYTES = 1024 ** 3;
const MAX_HEAD_BYTES = 4096;
const TAG_BYTES = 16;
/** About half a second and 128 MB: what a guess costs too. */
const COST = { N: 2 ** 17, r: 8, p: 1 } as const;
const MAX_MEMORY = 512 * 1024 ** 2;

const base64 = (bytes: number) =>
  z
    .string()
    .refine((text) => Buffer.from(text, 'base64url').length === bytes, `must have ${String(bytes)} bytes`);
const headSchema = z.strictObject({
  format: z.literal('turnkeep-backup-1'),
  createdAt: z.iso.datetime(),
  // Bounded: a file that somebody else made must not eat this host's memory.
  scrypt: z.strictObject({
    N: z.union([z.literal(2 ** 15), z.literal(2 ** 16), z.literal(2 ** 17), z.literal(2 ** 18)]),
    r: z.literal(8),
    p: z.literal(1),
    salt: base64(16),
  }),
  nonce: base64(12),
  /** Tells a wrong passphrase from a damaged file. */
  check: base64(16),
});

/** A sentence for whoever runs it. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

export async function sealBackup(content: Buffer, passphrase: string, nowMs: number): Promise<Buffer> {
  if (passphrase.length < MIN_PASSPHRASE_CHARS) {
    throw new BackupError(`The passphrase needs at least ${String(MIN_PASSPHRASE_CHARS)} characters.`);
  }
  const salt = randomBytes(16);
  const nonce = randomBytes(12);
  const keys = await keysOf(passphrase, { ...COST, salt });
  const head = {
    format: 'turnkeep-backup-1',
    createdAt: new Date(nowMs).toISOString(),
    scrypt: { ...COST, salt: salt.toString('base64url') },
    nonce: nonce.toString('base64url'),
    check: checkOf(keys.check),
  };
  const line = Buffer.from(`${JSON.stringify(head)}\n`, 'utf8');
  const cipher = createCipheriv('aes-256-gcm', keys.seal, nonce);
  cipher.setAAD(line);
  return Buffer.concat([line, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

export async function openBackup(
  sealed: Buffer,
  passphrase: string,
): Promise<{ content: Buffer; createdAt: string }> {
  const end = sealed.subarray(0, MAX_HEAD_BYTES).indexOf(0x0a);
  const head = headSchema.safeParse(parsed(sealed.subarray(0, Math.max(end, 0)).toString('utf8'))).data;
  if (head === undefined)
    throw new BackupError('This is no backup of Turnkeep, or its first line is damaged.');
  const { N, r, p, salt } = head.scrypt;
  const keys = await keysOf(passphrase, { N, r, p, salt: Buffer.from(salt, 'base64url') });
  if (!equalInConstantTime(checkOf(keys.check), head.check)) {
    throw new BackupError('The passphrase is not the one of this backup.');
  }
  const body = sealed.subarray(end + 1);
  try {
    const decipher = createDecipheriv('aes-256-gcm', keys.seal, Buffer.from(head.nonce, 'base64url'));
    decipher.setAAD(sealed.subarray(0, end + 1));
    decipher.setAuthTag(body.subarray(Math.max(0, body.length - TAG_BYTES)));
    const content = decipher.update(body.subarray(0, Math.max(0, body.length - TAG_BYTES)));
    return { content: Buffer.concat([content, decipher.final()]), createdAt: head.createdAt };
  } catch (cause) {
    throw new BackupError('The backup is damaged: it is not what was written. Take another copy.', { cause });
  }
}

type Cost = { N: number; r: number; p: number; salt: Buffer };

async function keysOf(passphrase: string, cost: Cost): Promise<{ seal: Buffer; check: Buffer }> {
  const { salt, ...numbers } = cost;
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, 64, { ...numbers, maxmem: MAX_MEMORY }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
  return { seal: bytes.subarray(0, 32), check: bytes.subarray(32) };
}

function checkOf(key: Buffer): string {
  return createHmac('sha256', key).update('turnkeep backup').digest().subarray(0, 16).toString('base64url');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
