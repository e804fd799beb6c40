/** API keys of tenant applications: one namespace, one role, stored as a hash. */
import { randomUUID } from 'node:crypto';
import type { Role } from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import type { ApiKey } from '../contract/identity.ts';
import type { Clock } from '../kit/clock.ts';
import { randomToken, sha256Hex } from '../kit/secret.ts';
import type { ApiKeyRecord, IdentityStore } from './system.ts';
import type { Caller } from './caller.ts';

const PREFIX = 'tk_';
const SHOWN_CHARS = 10;
const MAX_KEYS_PER_NAMESPACE = 100;
/** Longer texts are refused before they are hashed. */
const MAX_KEY_CHARS = 128;
/** The use of a key is written down at most this often: one write a minute, not one a request. */
const TOUCH_AFTER_MS = 60_000;

export class ApiKeys {
  readonly #store: IdentityStore;
  readonly #clock: Clock;

  constructor(options: { store: IdentityStore; clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  list(namespace: string): ApiKey[] {
    return this.#store.listApiKeys(namespace).map(shown);
  }

  /** @returns the key, shown once. */
  create(namespace: string, name: string, role: Role): { apiKey: ApiKey; key: string } {
    if (this.#store.listApiKeys(namespace).length >= MAX_KEYS_PER_NAMESPACE) {
      throw new AppError(
        'conflict',
        `${namespace} has ${String(MAX_KEYS_PER_NAMESPACE)} API keys already. Delete one first.`,
      );
    }
    const key = PREFIX + randomToken(32);
    const record: ApiKeyRecord = {
      id: randomUUID(),
      namespace,
      name,
      role,
      keyHash: sha256Hex(key),
      prefix: key.slice(0, SHOWN_CHARS),
      createdAtMs: this.#clock.nowMs(),
      lastUsedMs: null,
    };
    this.#store.insertApiKey(record);
    return { apiKey: shown(record), key };
  }

  delete(namespace: string, id: string): void {
    if (this.#store.deleteApiKey(namespace, id)) return;
    throw new AppError('not_found', `${namespace} has no API key ${id}.`);
  }

  /** A namespace made again under an old name must not be open to the old keys. */
  deleteAllOf(namespace: string): void {
    this.#store.deleteApiKeysOf(namespace);
  }

  /** Finishes what a crash between deleting a namespace and its keys left. */
  keepOnly(namespaces: readonly string[]): void {
    const known = new Set(namespaces);
    for (const { namespace } of this.#store.listApiKeys()) {
      if (!known.has(namespace)) this.#store.deleteApiKeysOf(namespace);
    }
  }

  /** Who presents this key. The lookup is by hash: its time tells nothing about a stored key. */
  authenticate(key: string): (Caller & { kind: 'api-key' }) | undefined {
    if (!key.startsWith(PREFIX) || key.length > MAX_KEY_CHARS) return undefined;
    const record = this.#store.findApiKey(sha256Hex(key));
    if (record === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    if (record.lastUsedMs === null || nowMs - record.lastUsedMs >= TOUCH_AFTER_MS) {
      this.#store.touchApiKey(record.id, nowMs);
    }
    return { kind: 'api-key', id: record.id, namespace: record.namespace, role: record.role };
  }

  /** Whether a key that opened a socket still stands. */
  stands(caller: Caller & { kind: 'api-key' }): boolean {
    return this.#store.listApiKeys(caller.namespace).some(({ id }) => id === caller.id);
  }
}

function shown({ id, namespace, name, role, prefix, createdAtMs, lastUsedMs }: ApiKeyRecord): ApiKey {
  const lastUsedAt = lastUsedMs === null ? null : new Date(lastUsedMs).toISOString();
  return { id, namespace, name, role, prefix, createdAt: new Date(createdAtMs).toISOString(), lastUsedAt };
}
