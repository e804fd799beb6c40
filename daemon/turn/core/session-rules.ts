/** How long a session may last, and who may have none: limits on top of the credential's own. Pure. */
import { parseRestUsername } from '../../credentials/turn-rest.ts';
import { parseV1Username } from '../../credentials/turn-v1.ts';

export type SessionRules = {
  /** Longest life of an allocation; 0: none. */
  maxSeconds: number;
  /** A session ends with its credential, `clockSkewSeconds` later. */
  strictExpiry: boolean;
  /** How far behind ours the clock of who issued the credential may be. */
  clockSkewSeconds: number;
  /** By `subjectOf`: until when the subject is refused, in ms of the epoch. */
  revoked: ReadonlyMap<string, number>;
};

export const NO_SESSION_RULES: SessionRules = {
  maxSeconds: 0,
  strictExpiry: false,
  clockSkewSeconds: 0,
  revoked: new Map(),
};

/** Whom a username is for: the REST model's subject, or `pat:` or `app:` and the derived one. */
export function subjectOf(username: string): string | undefined {
  const derived = parseV1Username(username);
  if (derived !== undefined) return `${derived.kind}:${derived.subject}`;
  return parseRestUsername(username)?.subject;
}

export function isRevoked(rules: SessionRules, username: string, nowMs: number): boolean {
  if (rules.revoked.size === 0) return false;
  const subject = subjectOf(username);
  return subject !== undefined && (rules.revoked.get(subject) ?? 0) > nowMs;
}

/**
 * The moment credentials are judged at. In strict mode a second ahead: a session that could last less has no
 * LIFETIME to be told.
 */
export function judgedAtMs(rules: SessionRules, nowMs: number): number {
  return nowMs - rules.clockSkewSeconds * 1000 + (rules.strictExpiry ? 1000 : 0);
}

/** When a session must be over, in ms of the epoch; Infinity without such a rule. */
export function sessionEndMs(
  rules: SessionRules,
  session: { username: string; createdAtMs: number },
): number {
  const { maxSeconds, strictExpiry, clockSkewSeconds } = rules;
  const oldest = maxSeconds === 0 ? Infinity : session.createdAtMs + maxSeconds * 1000;
  if (!strictExpiry) return oldest;
  const { username } = session;
  const expiry = (parseV1Username(username) ?? parseRestUsername(username))?.expiresAtSeconds ?? Infinity;
  return Math.min(oldest, (expiry + clockSkewSeconds) * 1000);
}

/**
 * What is left of `wantedSeconds` before the end. `seconds` is what LIFETIME says, a whole number: below 1
 * the session is over.
 */
export function withinSession(
  endMs: number,
  wantedSeconds: number,
  nowMs: number,
): { seconds: number; expiresAtMs: number } {
  const seconds = Math.min(wantedSeconds, Math.max(0, Math.floor((endMs - nowMs) / 1000)));
  return { seconds, expiresAtMs: Math.min(nowMs + seconds * 1000, endMs) };
}
