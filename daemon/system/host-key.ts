/**
 * The host key: 32 random bytes in a 0600 file, made once. Seals secrets with AES-256-GCM; the associated
 * data names purpose and namespace, so a seal copied to another row does not open.
 * Sealed text: `v1.` + base64url(nonce, 12 bytes | ciphertext | tag, 16 bytes).
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { AdapterError } from '../kit/errors.ts';
import type { Sealer, SealPurpose } from '../namespaces/system.ts';
import { loadOrCreateKeyFile } from './key-file.ts';

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
   * Reads the key file, or makes it: see key-file.ts for what is refused.
   */
  static async open(path: string): Promise<HostKey> {
    return new HostKey(await loadOrCreateKeyFile(path, KEY_BYTES));
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

function associatedData(purpose: SealPurpose, namespace: string): Buffer {
  return Buffer.from(`turnkeep ${purpose} ${namespace}`, 'utf8');
}
