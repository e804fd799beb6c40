/** The secret a camera authenticates with: shown once, kept as a hash. Pure but for the random numbers. */
import { randomToken, sha256Hex } from '../kit/secret.ts';

const SECRET = /^dev_[A-Za-z0-9_-]{43}$/;
const PREFIX_CHARS = 12;

export type DeviceSecret = { secret: string; secretHash: string; secretPrefix: string };

/** `dev_` and 32 random bytes; the hash needs no salt, because nobody can guess 256 bits. */
export function createDeviceSecret(): DeviceSecret {
  const secret = `dev_${randomToken(32)}`;
  return { secret, secretHash: hashDeviceSecret(secret), secretPrefix: secret.slice(0, PREFIX_CHARS) };
}

export function hashDeviceSecret(secret: string): string {
  return sha256Hex(secret);
}

/** True for text of a secret's form; anything else need not be hashed. */
export function isDeviceSecret(text: string): boolean {
  return SECRET.test(text);
}
