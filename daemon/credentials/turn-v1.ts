/**
 * What the derived TURN credentials (PAT and APP) have in common: the username
 * `v1:{expiry}:{pat|app}:{endpoint}:{subject}`, the password base64(HMAC-SHA256(key, username)) and
 * the key HKDF-SHA256(secret, salt = realm). Pure.
 */
import { createHmac, hkdfSync } from 'node:crypto';

export type V1Kind = 'pat' | 'app';
export type V1Username = { expiresAtSeconds: number; kind: V1Kind; endpoint: string; subject: string };
export type V1Credential = {
  username: string;
  password: string;
  expiresAtSeconds: number;
  ttlSeconds: number;
};

export const DEFAULT_V1_TTL_SECONDS = 600;
export const MAX_V1_TTL_SECONDS = 3600;

const KEY_BYTES = 32;
/** A colon in any part would move the boundaries of the next one. */
const ENDPOINT = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const SUBJECT: Record<V1Kind, string> = { pat: '[0-9a-f]{8}', app: '[A-Za-z0-9][A-Za-z0-9._-]{0,63}' };
const USERNAME: Record<V1Kind, RegExp> = { pat: grammarOf('pat'), app: grammarOf('app') };

/** @returns undefined for a name that is not exactly of the grammar. */
export function parseV1Username(username: string): V1Username | undefined {
  for (const kind of ['pat', 'app'] as const) {
    const match = USERNAME[kind].exec(username);
    if (match === null) continue;
    const [, expiry = '', endpoint = '', subject = ''] = match;
    return { expiresAtSeconds: Number(expiry), kind, endpoint, subject };
  }
  return undefined;
}

/** @throws RangeError when a part is outside the grammar: such a name would verify nowhere. */
export function formatV1Username(parts: V1Username): string {
  const { expiresAtSeconds, kind, endpoint, subject } = parts;
  const username = `v1:${String(expiresAtSeconds)}:${kind}:${endpoint}:${subject}`;
  if (!USERNAME[kind].test(username)) {
    throw new RangeError('TURN endpoint, subject or expiry is outside the grammar of derived usernames.');
  }
  return username;
}

/** The password of a username under a derived key: issuer and verifier compute the same. */
export function v1Password(key: Buffer, username: string): string {
  return createHmac('sha256', key).update(username, 'utf8').digest('base64');
}

/** HKDF-SHA256 with the realm, trimmed and in lower case, as the salt. @returns 32 bytes. */
export function deriveV1Key(secret: Buffer, kind: V1Kind, realm: string): Buffer {
  const salt = realm.trim().toLowerCase();
  if (salt === '') throw new RangeError('TURN realm must not be empty.');
  return Buffer.from(hkdfSync('sha256', secret, Buffer.from(salt, 'utf8'), `turn-${kind}-v1`, KEY_BYTES));
}

/**
 * Issues under a key. `notAfterSeconds` cuts the lifetime short: a credential never outlives what it
 * was derived from.
 * @throws RangeError for a TTL that is no integer of 1 to 3600 seconds, or for nothing left to issue.
 */
export function issueV1Credential(options: {
  key: Buffer;
  kind: V1Kind;
  endpoint: string;
  subject: string;
  ttlSeconds?: number | undefined;
  notAfterSeconds?: number | undefined;
  nowMs: number;
}): V1Credential {
  const { key, kind, endpoint, subject, ttlSeconds = DEFAULT_V1_TTL_SECONDS, notAfterSeconds } = options;
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_V1_TTL_SECONDS) {
    throw new RangeError('TURN TTL must be an integer between 1 and 3600 seconds.');
  }
  const nowSeconds = Math.floor(options.nowMs / 1000);
  const expiresAtSeconds = Math.min(nowSeconds + ttlSeconds, notAfterSeconds ?? Infinity);
  if (expiresAtSeconds <= nowSeconds)
    throw new RangeError('The token behind the TURN credential has expired.');
  const username = formatV1Username({ expiresAtSeconds, kind, endpoint, subject });
  return {
    username,
    password: v1Password(key, username),
    expiresAtSeconds,
    ttlSeconds: expiresAtSeconds - nowSeconds,
  };
}

function grammarOf(kind: V1Kind): RegExp {
  return new RegExp(`^v1:([1-9][0-9]{8,11}):${kind}:(${ENDPOINT}):(${SUBJECT[kind]})$`);
}
