/**
 * Who may speak for users of tenants by tokens (JWT, RFC 7519): this host's own issuer, and those that were added.
 * A token is believed for its signature by a key of its issuer, an algorithm of the issuer's list, its audience and
 * its times; what it may do is in the issuer's row, never in the token alone.
 */
import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import type { Role } from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import {
  MAX_TOKEN_CHARS,
  OWN_ISSUER,
  type CreateIssuer,
  type Issuer,
  type TokenVerdict,
} from '../contract/issuers.ts';
import type { Clock } from '../kit/clock.ts';
import { AdapterError, messageOf } from '../kit/errors.ts';
import type { OwnIssuer } from './own-issuer.ts';
import type { IssuerKeys, IssuerRecord, IssuerStore } from './system.ts';
import { callerOfClaims, tokenIdentity, type ClaimMapping, type TokenCaller } from './token-claims.ts';

const MAX_ISSUERS = 50;
/** Of `sub`: longer ones are no name. */
const MAX_SUBJECT_CHARS = 512;
const RETRY_SECONDS = 10;

export type TokenIssuersOptions = {
  own: OwnIssuer;
  store: IssuerStore;
  keys: IssuerKeys;
  /** When the namespace was made; undefined: there is none. */
  namespaceSince: (name: string) => number | undefined;
  clock: Clock;
};

type Known = Pick<Issuer, 'name' | 'issuer' | 'audience' | 'jwksUri' | 'algorithms' | 'clockSkewSeconds'> &
  ClaimMapping;

export class TokenIssuers {
  readonly #options: TokenIssuersOptions;

  constructor(options: TokenIssuersOptions) {
    this.#options = options;
  }

  /** This host's own first. */
  list(): Issuer[] {
    const { own, store } = this.#options;
    return [own.view(), ...store.list().map(shown)];
  }

  /** Public keys of this host's own issuer. */
  ownKeys(): { keys: object[] } {
    return { keys: [this.#options.own.publicJwk] };
  }

  /** Throws conflict. @returns also why its keys cannot be fetched now. */
  async add(request: CreateIssuer): Promise<{ issuer: Issuer; problem: string | null }> {
    const { store, keys, clock } = this.#options;
    const known = store.list();
    if (known.length >= MAX_ISSUERS) {
      throw new AppError('conflict', `There are ${String(MAX_ISSUERS)} issuers already. Remove one first.`);
    }
    if (known.some(({ issuer }) => issuer === request.issuer)) {
      throw new AppError('conflict', `The issuer ${request.issuer} is there already.`);
    }
    const record = { ...request, createdAtMs: clock.nowMs() };
    if (!store.insert(record))
      throw new AppError('conflict', `There is an issuer "${request.name}" already.`);
    const problem = await keys.check(record);
    return { issuer: shown(record), problem };
  }

  /** Its tokens are worth nothing from now on. Throws not_found, or forbidden for this host's own. */
  remove(name: string): void {
    if (name === OWN_ISSUER) throw new AppError('forbidden', "This host's own issuer cannot be removed.");
    if (!this.#options.store.delete(name)) throw new AppError('not_found', `There is no issuer "${name}".`);
    this.#options.keys.forget(name);
  }

  /** Signs a token of this host's own issuer. The caller has been asked whether it may. */
  async sign(request: {
    namespace: string;
    subject: string;
    role: Role;
    ttlSeconds: number;
  }): Promise<{ token: string; identity: string; expiresAtMs: number }> {
    const { own, clock } = this.#options;
    const nowMs = clock.nowMs();
    const expiresAtMs = nowMs + request.ttlSeconds * 1000;
    const token = await own.sign({ ...request, nowMs, expiresAtMs });
    return { token, identity: tokenIdentity(OWN_ISSUER, request.subject), expiresAtMs };
  }

  /**
   * Who presents the token. Rejects with unauthorized and the reason, or with unavailable while the issuer's keys
   * cannot be had.
   */
  async authenticate(token: string): Promise<TokenCaller> {
    if (token.length > MAX_TOKEN_CHARS)
      throw refused(`it is longer than ${String(MAX_TOKEN_CHARS)} characters`);
    const { algorithm, issuer } = readUnverified(token);
    const row = this.#find(issuer);
    if (row === undefined) throw refused('its issuer (iss) is not known here');
    if (!(row.algorithms as string[]).includes(algorithm)) {
      throw refused(`its algorithm ${algorithm.slice(0, 16)} is not one of ${row.algorithms.join(', ')}`);
    }
    const claims = await this.#verify(token, row);
    const subject = claims.sub ?? '';
    if (subject === '' || subject.length > MAX_SUBJECT_CHARS) throw refused('it has no subject (sub)');
    const mapped = callerOfClaims(claims, row);
    if (typeof mapped === 'string') throw refused(mapped);
    const since = this.#options.namespaceSince(mapped.namespace);
    // A namespace made again under an old name is not open to old tokens.
    if (since === undefined || (claims.iat ?? Infinity) * 1000 < since - 1000 * (1 + row.clockSkewSeconds)) {
      throw refused('it is for a namespace that is not there, or was made after it');
    }
    return {
      kind: 'token',
      issuer: row.name,
      identity: tokenIdentity(row.name, subject),
      ...mapped,
      expiresAtMs: ((claims.exp ?? 0) + row.clockSkewSeconds) * 1000,
    };
  }

  /** What `authenticate` makes of it, in words. */
  async judge(token: string): Promise<TokenVerdict> {
    try {
      const { issuer, identity, namespace, role, expiresAtMs } = await this.authenticate(token);
      const expiresAt = new Date(expiresAtMs).toISOString();
      return { accepted: true, reason: null, issuer, identity, namespace, role, expiresAt };
    } catch (error) {
      const none = { issuer: null, identity: null, namespace: null, role: null, expiresAt: null };
      return { accepted: false, reason: messageOf(error), ...none };
    }
  }

  /** Whether a token that opened a socket still holds. */
  stands(caller: TokenCaller): boolean {
    const { store, clock, namespaceSince } = this.#options;
    if (caller.expiresAtMs <= clock.nowMs() || namespaceSince(caller.namespace) === undefined) return false;
    return caller.issuer === OWN_ISSUER || store.list().some(({ name }) => name === caller.issuer);
  }

  #find(issuer: string): Known | undefined {
    const { own, store } = this.#options;
    return issuer === own.issuer ? own.view() : store.list().find((one) => one.issuer === issuer);
  }

  async #verify(token: string, row: Known): Promise<JWTPayload> {
    const { own, keys, clock } = this.#options;
    const options = {
      issuer: row.issuer,
      audience: row.audience,
      algorithms: row.algorithms,
      clockTolerance: row.clockSkewSeconds,
      requiredClaims: ['exp', 'iat', 'sub'],
      currentDate: new Date(clock.nowMs()),
    };
    try {
      const getKey: JWTVerifyGetKey =
        row.name === OWN_ISSUER ? () => Promise.resolve(own.publicKey) : keys.of(row);
      return (await jwtVerify(token, getKey, options)).payload;
    } catch (error) {
      if (error instanceof AdapterError) {
        throw new AppError(
          'unavailable',
          `The keys of the issuer "${row.name}" cannot be had: ${error.message}`,
          {
            retryAfterSeconds: RETRY_SECONDS,
            cause: error,
          },
        );
      }
      throw refused(reasonOf(error, row));
    }
  }
}

/** What decides where the signature is looked up. Nothing of it is believed yet. */
function readUnverified(token: string): { algorithm: string; issuer: string } {
  try {
    const { alg } = decodeProtectedHeader(token);
    const { iss } = decodeJwt(token);
    if (typeof alg === 'string' && typeof iss === 'string') return { algorithm: alg, issuer: iss };
  } catch {
    // Said below: who sends such a thing learns nothing from the parser's words.
  }
  throw refused('it is no signed token with an issuer (iss)');
}

function reasonOf(error: unknown, { audience, issuer }: Known): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error;
    if (reason === 'missing') return `it has no claim ${claim}`;
    if (claim === 'aud') return `its audience (aud) is not ${audience}`;
    if (claim === 'iss') return `its issuer (iss) is not ${issuer}`;
    if (claim === 'nbf' || claim === 'iat') return 'it is not valid yet';
    return `its claim ${claim} is not right`;
  }
  if (error instanceof errors.JWKSNoMatchingKey) return "its key (kid) is not among its issuer's";
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'it names no key (kid), and its issuer has several';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  return 'it cannot be verified';
}

function refused(why: string): AppError {
  return new AppError('unauthorized', `This token is not accepted: ${why}.`);
}

function shown({ createdAtMs, ...record }: IssuerRecord): Issuer {
  return { ...record, kind: 'oidc', createdAt: new Date(createdAtMs).toISOString() };
}
