/**
 * Tunnel tokens: JWTs (HS256) with the claims of rstream's auth tokens. The engine that mints them is
 * the only one that reads them, so one symmetric key is enough; it comes from the caller.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { grantsSchema, type Grants, type StringMatch } from './grants.ts';

/** Longest life of any token. */
export const MAX_TTL_SECONDS = 3600;
/** Minting and checking happen on one clock; a small step back must not refuse a fresh token. */
const CLOCK_SKEW_SECONDS = 30;
const MAX_TOKEN_BYTES = 16 * 1024;
const MIN_KEY_BYTES = 32;
const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');

const claimsSchema = z.object({
  iss: z.literal('turnkeep'),
  sub: z.string().min(1).max(256),
  iat: z.number().int(),
  exp: z.number().int(),
  type: z.literal('app'),
  clientId: z.string(),
  permissions: z.array(z.string()).max(32).nullable(),
  /** `issuedAt` orders tokens and revocations finer than `iat` does: milliseconds, strictly rising. */
  metadata: z.object({ issuedAt: z.number().int() }),
  resources: z.object({ tunnels: grantsSchema }),
});
export type TunnelClaims = z.infer<typeof claimsSchema>;

/** `reason` is for the log and the refused peer; it holds nothing of the token. */
export type TokenCheck = { ok: true; claims: TunnelClaims } | { ok: false; reason: string };

export class TunnelTokens {
  readonly #key: Buffer;
  #lastIssuedAt = 0;

  /** @param key at least 32 random bytes; throws RangeError when shorter. */
  constructor(key: Buffer) {
    if (key.length < MIN_KEY_BYTES) throw new RangeError('a token key has at least 32 bytes');
    this.#key = Buffer.from(key);
  }

  /** The next point on the line on which tokens and revocations are ordered. */
  stamp(nowMs: number): number {
    this.#lastIssuedAt = Math.max(nowMs, this.#lastIssuedAt + 1);
    return this.#lastIssuedAt;
  }

  /**
   * Signs grants for a subject.
   * @param options.ttlSeconds 1..3600, else RangeError.
   */
  mint(
    options: { subject: string; grants: Grants; ttlSeconds: number; permissions?: string[] },
    nowMs: number,
  ): { token: string; expiresAtMs: number } {
    const { ttlSeconds } = options;
    if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_TTL_SECONDS) {
      throw new RangeError('a tunnel token lives 1 to 3600 seconds');
    }
    const iat = Math.floor(nowMs / 1000);
    const exp = iat + ttlSeconds;
    const claims: TunnelClaims = {
      iss: 'turnkeep',
      sub: options.subject,
      iat,
      exp,
      type: 'app',
      clientId: 'turnkeep',
      permissions: options.permissions ?? null,
      metadata: { issuedAt: this.stamp(nowMs) },
      resources: { tunnels: grantsSchema.parse(options.grants) },
    };
    const body = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    return { token: `${body}.${this.#sign(body).toString('base64url')}`, expiresAtMs: exp * 1000 };
  }

  /** Checks form, signature and time. The header must be ours byte for byte: no algorithm is negotiated. */
  check(token: string, nowMs: number): TokenCheck {
    if (token.length > MAX_TOKEN_BYTES) return { ok: false, reason: 'token is too long' };
    const [header, payload, signature, extra] = token.split('.');
    if (header !== HEADER || payload === undefined || signature === undefined || extra !== undefined) {
      return { ok: false, reason: 'not a token of this engine' };
    }
    const given = Buffer.from(signature, 'base64url');
    const wanted = this.#sign(`${header}.${payload}`);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      return { ok: false, reason: 'not a token of this engine' };
    }
    const parsed = claimsSchema.safeParse(parseJson(Buffer.from(payload, 'base64url').toString('utf8')));
    if (!parsed.success) return { ok: false, reason: 'token claims are not valid' };
    const nowSeconds = nowMs / 1000;
    if (parsed.data.exp <= nowSeconds) return { ok: false, reason: 'token has expired' };
    if (parsed.data.iat > nowSeconds + CLOCK_SKEW_SECONDS) {
      return { ok: false, reason: 'token is from the future' };
    }
    return { ok: true, claims: parsed.data };
  }

  #sign(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

/** Exactly one published HTTP tunnel with this name and these labels. */
export function deviceGrants(tunnelName: string, labels: Record<string, string>): Grants {
  const filters = {
    name: { exact: tunnelName },
    protocol: 'http',
    publish: true,
    token_auth: true,
    labels,
  };
  return { scopes: { tunnels: { create: { filters } } } };
}

/** One tunnel while it is online, and only the paths that match. */
export function viewerGrants(tunnelId: string, path: StringMatch): Grants {
  const filters = { id: tunnelId, status: 'online' as const, protocol: 'http', publish: true };
  return { scopes: { tunnels: { connect: { filters, params: { path } } } } };
}

/** The list of published HTTP tunnels that carry these labels. */
export function watchGrants(labels: Record<string, string>): Grants {
  const select = Object.fromEntries(
    ['id', 'status', 'name', 'protocol', 'publish', 'labels', 'host', 'hostname', 'client_id'].map(
      (field) => [field, true],
    ),
  );
  return { scopes: { tunnels: { list: { filters: { labels, protocol: 'http', publish: true }, select } } } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // Refused by the schema.
  }
}
