/**
 * Password hashes: scrypt with its parameters in the text, so that they can be raised later. Hashing costs
 * 32 MiB and a core each, so only a few run at once and the queue is short.
 */
import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { AppError } from '../contract/errors.ts';

const COST = { N: 2 ** 15, r: 8, p: 1 } as const;
const KEY_BYTES = 32;
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;
/** Hashes at once: more would take cores and memory from the packet path of this host. */
const MAX_RUNNING = 2;
const MAX_WAITING = 32;

const FORMAT =
  /^scrypt\$([0-9]{1,8})\$([0-9]{1,3})\$([0-9]{1,3})\$([A-Za-z0-9_-]{16,})\$([A-Za-z0-9_-]{43})$/;

/** Stands in for the hash of a user that is not there: verifying against it takes the same time. */
const NOBODY = `scrypt$${String(COST.N)}$${String(COST.r)}$${String(COST.p)}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Runs at most a few hashes at once, first come first served. */
export class PasswordHasher {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** @returns the text to store. Rejects with AppError unavailable when too many wait. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    const key = await this.#derive(password, salt, COST);
    const { N, r, p } = COST;
    return ['scrypt', N, r, p, salt.toString('base64url'), key.toString('base64url')].join('$');
  }

  /**
   * Compares in the same time whether or not there is a hash: null (no such user, or one without a
   * password) never matches.
   */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const match = FORMAT.exec(stored ?? NOBODY) ?? FORMAT.exec(NOBODY);
    if (match === null) return false;
    const [, N, r, p, salt = '', wanted = ''] = match;
    const options = { N: Number(N), r: Number(r), p: Number(p) };
    const key = await this.#derive(password, Buffer.from(salt, 'base64url'), options);
    const same = timingSafeEqual(key, Buffer.from(wanted, 'base64url'));
    return same && stored !== null;
  }

  async #derive(password: string, salt: Buffer, cost: ScryptOptions): Promise<Buffer> {
    if (this.#running >= MAX_RUNNING) {
      if (this.#waiting.length >= MAX_WAITING) {
        throw new AppError(
          'unavailable',
          'Too many people sign in at this moment. Try again in a few seconds.',
          {
            retryAfterSeconds: 5,
          },
        );
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        scrypt(
          password.normalize('NFC'),
          salt,
          KEY_BYTES,
          { ...cost, maxmem: MAX_MEMORY_BYTES },
          (error, key) => {
            if (error === null) resolve(key);
            else reject(error);
          },
        );
      });
    } finally {
      // The slot goes to the next in line, or is free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
