/**
 * Time-limited TURN credentials of the REST model: username `{expiry}:{namespace}` or
 * `{expiry}:{namespace}:{subject}`, password base64(HMAC-SHA1(secret, username)). Pure.
 */
import { createHmac } from 'node:crypto';

export type RestUsername = { expiresAtSeconds: number; namespace: string; subject: string | undefined };

/** Strict grammar: a name without a timestamp is not a REST name, so it can never live for ever. */
const REST_USERNAME = /^([1-9][0-9]{8,11}):([a-z](?:[a-z0-9-]{0,30}[a-z0-9])?)(?::([A-Za-z0-9._@-]{1,64}))?$/;

export function parseRestUsername(username: string): RestUsername | undefined {
  const match = REST_USERNAME.exec(username);
  if (match === null) return undefined;
  const [, expiry = '', namespace = '', subject] = match;
  return { expiresAtSeconds: Number(expiry), namespace, subject };
}

export function restPassword(secret: string, username: string): string {
  return createHmac('sha1', secret).update(username, 'utf8').digest('base64');
}

/** Issues a credential. `ttlSeconds` is taken as given: the caller clamps it. */
export function issueRestCredential(options: {
  secret: string;
  namespace: string;
  subject?: string;
  ttlSeconds: number;
  nowMs: number;
}): { username: string; password: string; expiresAtSeconds: number } {
  const expiresAtSeconds = Math.floor(options.nowMs / 1000) + options.ttlSeconds;
  const base = `${String(expiresAtSeconds)}:${options.namespace}`;
  const username = options.subject === undefined ? base : `${base}:${restSubject(options.subject)}`;
  return { username, password: restPassword(options.secret, username), expiresAtSeconds };
}

/** An identity in the alphabet of the username grammar. */
export function restSubject(identity: string): string {
  const cleaned = identity.replaceAll(/[^A-Za-z0-9._@-]/g, '_').slice(0, 64);
  return cleaned === '' ? '_' : cleaned;
}
