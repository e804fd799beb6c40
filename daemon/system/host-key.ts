/**
 * The host key: 32 random bytes in a 0600 file, made once. Seals secrets with AES-256-GCM; the associated
 * data names purpose and namespace, so a seal copied to another row does not open.
 * Sealed text: `v1.` + base64url(nonce, 12 bytes | ciphertext | tag, 16 bytes).
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AdapterError, isErrno } from '../kit/errors.ts';
import type { Sealer, SealPurpose } from '../namespaces/system.ts';
import { syncDirectory } from './atomic-file.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PREFIX = 'v1.';

export class HostKey implements Sealer {
  readonly #key: KeyObject;

  /** `key` has 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  /**
   * Reads the key file, or makes it. Rejects with an AdapterError when the file is not 32 bytes or when
   * others may read it: a key that leaked is not used silently.
   */
  static async open(path: string): Promise<HostKey> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const known = await readKey(path);
    if (known !== undefined) return new HostKey(known);
    const key = randomBytes(KEY_BYTES);
    try {
      const file = await open(path, 'wx', 0o600);
      try {
        await file.writeFile(key);
        await file.sync();
      } catch (cause) {
        await rm(path, { force: true });
        throw cause;
      } finally {
        await file.close();
      }
      await syncDirectory(dirname(path));
    } catch (cause) {
      throw keyError(path, 'cannot be written', cause);
    }
    return new HostKey(key);
  }

  seal(purpose: SealPurpose, namespace: string, text: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(associatedData(purpose, namespace));
    const body = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return PREFIX + body.toString('base64url');
  }

  unseal(purpose: SealPurpose, namespace: string, sealed: string): string {
    const body = Buffer.from(sealed.slice(PREFIX.length), 'base64url');
    const target = `${purpose} of ${namespace}`;
    try {
      if (!sealed.startsWith(PREFIX) || body.length < NONCE_BYTES + TAG_BYTES) {
        throw new Error('not a sealed text');
      }
      const decipher = createDecipheriv('aes-256-gcm', this.#key, body.subarray(0, NONCE_BYTES));
      decipher.setAAD(associatedData(purpose, namespace));
      decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
      const text = decipher.update(body.subarray(NONCE_BYTES, body.length - TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new AdapterError(`The sealed ${target} does not open with this host's key.`, {
        operation: 'unseal',
        target,
        cause,
      });
    }
  }
}

async function readKey(path: string): Promise<Buffer | undefined> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o077) !== 0) throw keyError(path, 'is readable by others: chmod 600 it, or replace it');
    if (size !== KEY_BYTES) throw keyError(path, `has ${String(size)} bytes instead of ${String(KEY_BYTES)}`);
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (error instanceof AdapterError) throw error;
    throw keyError(path, 'cannot be read', error);
  }
}

function associatedData(purpose: SealPurpose, namespace: string): Buffer {
  return Buffer.from(`turnkeep ${purpose} ${namespace}`, 'utf8');
}

function keyError(path: string, what: string, cause?: unknown): AdapterError {
  return new AdapterError(`The host key ${path} ${what}.`, { operation: 'host-key', target: path, cause });
}
