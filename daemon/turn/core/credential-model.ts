/** Username to long-term keys: the REST model (HMAC-SHA1) and the derived one (PAT, APP) beside it. */
import { longTermKey, type PasswordAlgorithm } from '../codec/message-integrity.ts';
import { parseRestUsername, restPassword } from '../../credentials/turn-rest.ts';
import { parseV1Username, v1Password, type V1Kind } from '../../credentials/turn-v1.ts';

/**
 * `keys` has the same length and took the same work for every username: whether the name is known
 * shows only in `state`, after the integrity was computed.
 */
export type ResolvedCredential = { state: 'valid' | 'expired' | 'unknown'; keys: Buffer[] };

export interface CredentialModel {
  /** @param algorithm how the request's key was made of the password. */
  resolve(username: string, algorithm: PasswordAlgorithm, nowMs: number): ResolvedCredential;
}

/** `{expiry}:{namespace}[:{subject}]` of one namespace, under any of several valid secrets. */
export class RestCredentials implements CredentialModel {
  readonly #namespace: string;
  readonly #realm: string;
  readonly #secrets: readonly string[];

  constructor(options: { namespace: string; realm: string; secrets: readonly string[] }) {
    this.#namespace = options.namespace;
    this.#realm = options.realm;
    this.#secrets = options.secrets;
  }

  resolve(username: string, algorithm: PasswordAlgorithm, nowMs: number): ResolvedCredential {
    const keys = this.#secrets.map((secret) =>
      longTermKey(username, this.#realm, restPassword(secret, username), algorithm),
    );
    const parsed = parseRestUsername(username);
    if (parsed === undefined || parsed.namespace !== this.#namespace) return { state: 'unknown', keys };
    return { state: parsed.expiresAtSeconds * 1000 > nowMs ? 'valid' : 'expired', keys };
  }
}

/** Does the work of a name nobody has; whatever it verifies is refused all the same. */
const DECOY_KEY = Buffer.alloc(32);

/** `v1:{expiry}:{pat|app}:{endpoint}:{subject}` of the subjects it was given keys for. */
export class DerivedCredentials implements CredentialModel {
  readonly #endpoint: string;
  readonly #realm: string;
  /** By `kind:subject`. */
  readonly #keys: ReadonlyMap<string, Buffer>;

  /** @param options `key` is the derived key in hex. */
  constructor(options: {
    endpoint: string;
    realm: string;
    keys: readonly { kind: V1Kind; subject: string; key: string }[];
  }) {
    this.#endpoint = options.endpoint;
    this.#realm = options.realm;
    this.#keys = new Map(
      options.keys.map(({ kind, subject, key }) => [`${kind}:${subject}`, Buffer.from(key, 'hex')]),
    );
  }

  resolve(username: string, algorithm: PasswordAlgorithm, nowMs: number): ResolvedCredential {
    const parsed = parseV1Username(username);
    const known =
      parsed?.endpoint === this.#endpoint ? this.#keys.get(`${parsed.kind}:${parsed.subject}`) : undefined;
    const password = v1Password(known ?? DECOY_KEY, username);
    const keys = [longTermKey(username, this.#realm, password, algorithm)];
    if (parsed === undefined || known === undefined) return { state: 'unknown', keys };
    return { state: parsed.expiresAtSeconds * 1000 > nowMs ? 'valid' : 'expired', keys };
  }
}

/** Chooses the model by the form of the name alone: a REST name begins with its expiry, never with `v1:`. */
export class CredentialModels implements CredentialModel {
  readonly #rest: CredentialModel;
  readonly #derived: CredentialModel;

  constructor(options: { rest: CredentialModel; derived: CredentialModel }) {
    this.#rest = options.rest;
    this.#derived = options.derived;
  }

  resolve(username: string, algorithm: PasswordAlgorithm, nowMs: number): ResolvedCredential {
    const model = username.startsWith('v1:') ? this.#derived : this.#rest;
    return model.resolve(username, algorithm, nowMs);
  }
}
