/**
 * TURN credentials derived from a personal access token: key = HKDF-SHA256(SHA-256(token), realm,
 * "turn-pat-v1"). The issuer has the token; the verifier needs its digest only. Pure.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { deriveV1Key, issueV1Credential, type V1Credential } from './turn-v1.ts';

const MAX_TOKEN_CHARS = 8192;
const DIGEST_BYTES = 32;

const tokenEndpointSchema = z.string().regex(/^[0-9a-f]{8}$/);
/** The claims derivation reads. `tokendpoint` is the older spelling. */
const patClaimsSchema = z.object({
  type: z.literal('pat'),
  exp: z.number().int().positive(),
  token_endpoint: tokenEndpointSchema.optional(),
  tokendpoint: tokenEndpointSchema.optional(),
});

/** What a verifier keeps of a token: enough to check credentials, useless as the token itself. */
export function patDigest(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** The key both sides share. @throws RangeError for a digest that is not 32 bytes or an empty realm. */
export function patTurnKey(digest: Buffer, realm: string): Buffer {
  if (digest.length !== DIGEST_BYTES) throw new RangeError('The digest of a token has 32 bytes.');
  return deriveV1Key(digest, 'pat', realm);
}

/**
 * Issues a credential. The token's signature is not examined: a forged token derives a key nobody
 * accepts. The credential ends with the token at the latest.
 * @throws RangeError when the token is no current PAT, names another endpoint, or the TTL is not 1 to 3600.
 */
export function issuePatCredential(options: {
  token: string;
  realm: string;
  endpoint: string;
  /** The token's endpoint, 8 hex digits; needed when the token does not name it. */
  tokenEndpoint?: string | undefined;
  ttlSeconds?: number | undefined;
  nowMs: number;
}): V1Credential {
  const { token, realm, endpoint, ttlSeconds, nowMs } = options;
  const { subject, expiresAtSeconds } = patHolder(token, options.tokenEndpoint);
  return issueV1Credential({
    key: patTurnKey(patDigest(token), realm),
    kind: 'pat',
    endpoint,
    subject,
    ttlSeconds,
    notAfterSeconds: expiresAtSeconds,
    nowMs,
  });
}

/**
 * Whom a token's credentials are for, and its end. The signature is not examined.
 * @param tokenEndpoint 8 hex digits; needed when the token does not name it.
 * @throws RangeError when the token is no PAT, or names another endpoint.
 */
export function patHolder(
  token: string,
  tokenEndpoint?: string,
): { subject: string; expiresAtSeconds: number } {
  const claims = readClaims(token);
  const named = claims.token_endpoint ?? claims.tokendpoint;
  const subject = tokenEndpoint ?? named;
  if (subject === undefined) throw new RangeError('The token does not name its token endpoint.');
  if (named !== undefined && named !== subject) {
    throw new RangeError('The token belongs to another token endpoint.');
  }
  return { subject, expiresAtSeconds: claims.exp };
}

function readClaims(token: string): z.infer<typeof patClaimsSchema> {
  const parts = token.length > MAX_TOKEN_CHARS ? [] : token.split('.');
  let payload: unknown;
  try {
    payload =
      parts.length === 3 ? JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')) : undefined;
  } catch {
    payload = undefined;
  }
  const claims = patClaimsSchema.safeParse(payload);
  if (!claims.success) throw new RangeError('The token is no personal access token with an expiry.');
  return claims.data;
}
