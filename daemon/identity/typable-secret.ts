/** Secrets that people type: Crockford base32 without I, L, O, U, in groups of five. */
import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** `groups` times five characters of five random bits each, for example `7KD2M-0QX4T`. */
export function typableSecret(groups: number): string {
  // 256 is a multiple of 32: the low five bits of a random byte are uniform.
  const characters = Array.from(randomBytes(groups * 5), (byte) => ALPHABET[byte & 31] ?? '0');
  const parts = Array.from({ length: groups }, (_, at) => characters.slice(at * 5, at * 5 + 5).join(''));
  return parts.join('-');
}

/** What a person may have typed, in canonical form: case, separators and look-alikes do not matter. */
export function canonicalTypable(text: string): string {
  return text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}
