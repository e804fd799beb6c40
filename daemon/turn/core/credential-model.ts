/**
 * Username to long-term keys. One model now (REST, HMAC-SHA1); others implement the same interface and
 * stand beside it.
 */
import { longTermKey, type PasswordAlgorithm } from '../codec/message-integrity.ts';
import { parseRestUsername, restPassword } from '../../credentials/turn-rest.ts';

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
