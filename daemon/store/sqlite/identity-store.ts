/** Users, sessions, sign-in codes and API keys in SQLite. Only hashes of secrets get here. */
import { z } from 'zod';
import { roleSchema, type Role } from '../../contract/api.ts';
import type {
  ApiKeyRecord,
  IdentityStore,
  SessionRecord,
  SignInCodeRecord,
  UserRecord,
} from '../../identity/system.ts';
import type { SqliteDatabase } from './database.ts';

const userRow = z.object({
  name: z.string(),
  role: roleSchema,
  passwordHash: z.string().nullable(),
  createdAtMs: z.number(),
  disabled: z.number().transform((value) => value !== 0),
});
const sessionRow = z.object({
  tokenHash: z.string(),
  user: z.string(),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
});
const codeRow = z.object({ codeHash: z.string(), user: z.string(), expiresAtMs: z.number() });
const apiKeyRow = z.object({
  id: z.string(),
  namespace: z.string(),
  name: z.string(),
  role: roleSchema,
  keyHash: z.string(),
  prefix: z.string(),
  createdAtMs: z.number(),
  lastUsedMs: z.number().nullable(),
});

const USER = 'name, role, password_hash AS passwordHash, created_at_ms AS createdAtMs, disabled';
const SESSION = 'token_hash AS tokenHash, user, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs';
const CODE = 'code_hash AS codeHash, user, expires_at_ms AS expiresAtMs';
const API_KEY =
  'id, namespace, name, role, key_hash AS keyHash, prefix, created_at_ms AS createdAtMs, last_used_ms AS lastUsedMs';

export class SqliteIdentityStore implements IdentityStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  listUsers(): UserRecord[] {
    return z.array(userRow).parse(this.#database.prepare(`SELECT ${USER} FROM users ORDER BY name`).all());
  }

  getUser(name: string): UserRecord | undefined {
    return userRow.optional().parse(this.#one(`SELECT ${USER} FROM users WHERE name = ?`, name));
  }

  insertUser(record: UserRecord): boolean {
    const { changes } = this.#database
      .prepare(
        `INSERT INTO users (name, role, password_hash, created_at_ms, disabled)
         VALUES (@name, @role, @passwordHash, @createdAtMs, @disabled) ON CONFLICT (name) DO NOTHING`,
      )
      .run({ ...record, disabled: Number(record.disabled) });
    return changes === 1;
  }

  changeUser(name: string, { role, disabled }: { role: Role; disabled: boolean }): void {
    this.#database.transaction(() => {
      this.#run('UPDATE users SET role = ?, disabled = ? WHERE name = ?', role, Number(disabled), name);
      if (!disabled) return;
      this.#run('DELETE FROM sessions WHERE user = ?', name);
      this.#run('DELETE FROM sign_in_codes WHERE user = ?', name);
    })();
  }

  deleteUser(name: string): void {
    this.#run('DELETE FROM users WHERE name = ?', name);
  }

  setPassword(name: string, passwordHash: string): void {
    this.#database.transaction(() => {
      this.#run('UPDATE users SET password_hash = ? WHERE name = ?', passwordHash, name);
      this.#run('DELETE FROM sessions WHERE user = ?', name);
      this.#run('DELETE FROM sign_in_codes WHERE user = ?', name);
    })();
  }

  insertSession(record: SessionRecord, maxPerUser: number): void {
    this.#database.transaction(() => {
      this.#database
        .prepare(
          `INSERT INTO sessions (token_hash, user, created_at_ms, expires_at_ms)
           VALUES (@tokenHash, @user, @createdAtMs, @expiresAtMs)`,
        )
        .run(record);
      this.#run(
        `DELETE FROM sessions WHERE user = ? AND token_hash NOT IN
           (SELECT token_hash FROM sessions WHERE user = ? ORDER BY created_at_ms DESC, rowid DESC LIMIT ?)`,
        record.user,
        record.user,
        maxPerUser,
      );
    })();
  }

  getSession(tokenHash: string): SessionRecord | undefined {
    return sessionRow
      .optional()
      .parse(this.#one(`SELECT ${SESSION} FROM sessions WHERE token_hash = ?`, tokenHash));
  }

  listSessions(): SessionRecord[] {
    const statement = this.#database.prepare(`SELECT ${SESSION} FROM sessions ORDER BY created_at_ms DESC`);
    return z.array(sessionRow).parse(statement.all());
  }

  extendSession(tokenHash: string, expiresAtMs: number): void {
    this.#run('UPDATE sessions SET expires_at_ms = ? WHERE token_hash = ?', expiresAtMs, tokenHash);
  }

  deleteSession(tokenHash: string): void {
    this.#run('DELETE FROM sessions WHERE token_hash = ?', tokenHash);
  }

  deleteExpired(nowMs: number): void {
    this.#run('DELETE FROM sessions WHERE expires_at_ms <= ?', nowMs);
    this.#run('DELETE FROM sign_in_codes WHERE expires_at_ms <= ?', nowMs);
  }

  putSignInCode(record: SignInCodeRecord): void {
    this.#database
      .prepare(
        `INSERT INTO sign_in_codes (code_hash, user, expires_at_ms) VALUES (@codeHash, @user, @expiresAtMs)
         ON CONFLICT (user) DO UPDATE SET code_hash = excluded.code_hash, expires_at_ms = excluded.expires_at_ms`,
      )
      .run(record);
  }

  takeSignInCode(codeHash: string): SignInCodeRecord | undefined {
    return codeRow
      .optional()
      .parse(this.#one(`DELETE FROM sign_in_codes WHERE code_hash = ? RETURNING ${CODE}`, codeHash));
  }

  listApiKeys(namespace?: string): ApiKeyRecord[] {
    const where = namespace === undefined ? '' : 'WHERE namespace = ?';
    const statement = this.#database.prepare(
      `SELECT ${API_KEY} FROM api_keys ${where} ORDER BY created_at_ms, id`,
    );
    return z.array(apiKeyRow).parse(namespace === undefined ? statement.all() : statement.all(namespace));
  }

  findApiKey(keyHash: string): ApiKeyRecord | undefined {
    return apiKeyRow
      .optional()
      .parse(this.#one(`SELECT ${API_KEY} FROM api_keys WHERE key_hash = ?`, keyHash));
  }

  insertApiKey(record: ApiKeyRecord): void {
    this.#database
      .prepare(
        `INSERT INTO api_keys (id, namespace, name, role, key_hash, prefix, created_at_ms, last_used_ms)
         VALUES (@id, @namespace, @name, @role, @keyHash, @prefix, @createdAtMs, @lastUsedMs)`,
      )
      .run(record);
  }

  touchApiKey(id: string, atMs: number): void {
    this.#run('UPDATE api_keys SET last_used_ms = ? WHERE id = ?', atMs, id);
  }

  deleteApiKey(namespace: string, id: string): boolean {
    return this.#run('DELETE FROM api_keys WHERE namespace = ? AND id = ?', namespace, id) === 1;
  }

  deleteApiKeysOf(namespace: string): void {
    this.#run('DELETE FROM api_keys WHERE namespace = ?', namespace);
  }

  #one(sql: string, ...values: (string | number)[]): unknown {
    return this.#database.prepare(sql).get(...values);
  }

  #run(sql: string, ...values: (string | number)[]): number {
    return this.#database.prepare(sql).run(...values).changes;
  }
}
