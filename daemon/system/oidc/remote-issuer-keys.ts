/**
 * The keys that issuers publish (JWKS, RFC 7517), by their address or by OpenID Connect discovery. They are remembered,
 * and fetched again when they are old or a token names one that is not among them: at most twice a minute each, so
 * that nobody makes this host ask an issuer by sending it tokens.
 */
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { issuerUrlSchema } from '../../contract/issuers.ts';
import { AdapterError, messageOf } from '../../kit/errors.ts';
import type { Clock } from '../../kit/clock.ts';
import type { IssuerKeys, IssuerRecord } from '../../identity/system.ts';
import { boundedFetch, FETCH_MS } from './bounded-fetch.ts';

const REMEMBER_MS = 10 * 60_000;
const ASK_AGAIN_MS = 30_000;
const discoverySchema = z.object({ issuer: z.string(), jwks_uri: issuerUrlSchema });

type Where = Pick<IssuerRecord, 'name' | 'issuer' | 'jwksUri'>;
type Known = { find: JWTVerifyGetKey; reload: () => Promise<void> };

export class RemoteIssuerKeys implements IssuerKeys {
  readonly #clock: Clock;
  readonly #askAgainMs: number;
  readonly #known = new Map<string, Promise<Known>>();
  /** What the last look at an issuer ended with, until when nobody looks again. */
  readonly #failures = new Map<string, { error: AdapterError; untilMs: number }>();

  constructor(options: { clock: Clock; askAgainMs?: number }) {
    this.#clock = options.clock;
    this.#askAgainMs = options.askAgainMs ?? ASK_AGAIN_MS;
  }

  of(issuer: Where): JWTVerifyGetKey {
    return async (header, token) => (await this.#open(issuer)).find(header, token);
  }

  async check(issuer: Where): Promise<string | null> {
    try {
      await (await this.#open(issuer)).reload();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  forget(name: string): void {
    this.#known.delete(name);
    this.#failures.delete(name);
  }

  /** An issuer that failed is left alone for a while; keys that are known serve on meanwhile. */
  async #fetch(name: string, url: string): Promise<string> {
    const failure = this.#failures.get(name);
    if (failure !== undefined && failure.untilMs > this.#clock.nowMs()) throw failure.error;
    this.#failures.delete(name);
    try {
      return await boundedFetch(url);
    } catch (error) {
      if (error instanceof AdapterError) {
        this.#failures.set(name, { error, untilMs: this.#clock.nowMs() + this.#askAgainMs });
      }
      throw error;
    }
  }

  /** Whoever comes meanwhile waits for the same look. */
  #open(issuer: Where): Promise<Known> {
    let known = this.#known.get(issuer.name);
    if (known === undefined) {
      known = this.#discover(issuer);
      this.#known.set(issuer.name, known);
      known.catch(() => {
        if (this.#known.get(issuer.name) === known) this.#known.delete(issuer.name);
      });
    }
    return known;
  }

  async #discover({ name, issuer, jwksUri }: Where): Promise<Known> {
    const url = jwksUri ?? discovered(issuer, await this.#fetch(name, discoveryUrl(issuer)));
    const set = createRemoteJWKSet(new URL(url), {
      cooldownDuration: this.#askAgainMs,
      cacheMaxAge: REMEMBER_MS,
      timeoutDuration: FETCH_MS * 2, // The fetch below ends before.
      [customFetch]: async (address: string) => {
        const text = await this.#fetch(name, address);
        requireKeys(text, address);
        return new Response(text, { status: 200, headers: { 'content-type': 'application/json' } });
      },
    });
    return {
      find: set,
      async reload() {
        await set.reload();
      },
    };
  }
}

/** OpenID Connect Discovery 1.0 section 4. */
function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** What the document says of itself has to be what was asked. Throws an AdapterError. */
function discovered(issuer: string, text: string): string {
  const found = discoverySchema.safeParse(parsed(text));
  if (found.success && found.data.issuer === issuer) return found.data.jwks_uri;
  const why = found.success
    ? `is of another issuer, ${found.data.issuer.slice(0, 200)}`
    : 'names no address of keys (jwks_uri, https)';
  const url = discoveryUrl(issuer);
  throw new AdapterError(`${url} ${why}.`, { operation: 'issuer-keys', target: url });
}

function requireKeys(text: string, url: string): void {
  const shape = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });
  if (shape.safeParse(parsed(text)).success) return;
  throw new AdapterError(`${url} holds no set of keys (JWKS).`, { operation: 'issuer-keys', target: url });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
