/** What identity needs from the outside: durable stores. `store/sqlite/` provides them. */
import type { JWTVerifyGetKey } from 'jose';
import type { Role } from '../contract/api.ts';
import type { AuditQuery } from '../contract/audit.ts';
import type { CreateIssuer } from '../contract/issuers.ts';
import type { AuditLine, AuditMark, MarkName } from './audit-chain.ts';

export type UserRecord = {
  name: string;
  role: Role;
  /** Null: no password signs this user in. */
  passwordHash: string | null;
  createdAtMs: number;
  /** Nobody signs in as this user. */
  disabled: boolean;
};

export type SessionRecord = {
  /** SHA-256 of the cookie's token. */
  tokenHash: string;
  user: string;
  createdAtMs: number;
  expiresAtMs: number;
};

export type SignInCodeRecord = { codeHash: string; user: string; expiresAtMs: number };

export type ApiKeyRecord = {
  id: string;
  namespace: string;
  name: string;
  role: Role;
  keyHash: string;
  prefix: string;
  createdAtMs: number;
  lastUsedMs: number | null;
};

/** Writes are on disk when the call returns. Deleting a user deletes its sessions and codes. */
export interface IdentityStore {
  listUsers(): UserRecord[];
  getUser(name: string): UserRecord | undefined;
  /** @returns false when the name is taken. */
  insertUser(record: UserRecord): boolean;
  /** A user that is disabled loses its sessions and codes, all or nothing. */
  changeUser(name: string, change: { role: Role; disabled: boolean }): void;
  deleteUser(name: string): void;
  /** Sets the password, ends all sessions of the user and voids its codes, all or nothing. */
  setPassword(name: string, passwordHash: string): void;

  /** Keeps the newest `maxPerUser` sessions of the user. */
  insertSession(record: SessionRecord, maxPerUser: number): void;
  getSession(tokenHash: string): SessionRecord | undefined;
  /** Newest first. */
  listSessions(): SessionRecord[];
  extendSession(tokenHash: string, expiresAtMs: number): void;
  deleteSession(tokenHash: string): void;
  deleteExpired(nowMs: number): void;

  /** Replaces earlier codes of the user. */
  putSignInCode(record: SignInCodeRecord): void;
  /** Removes and returns it: a code works once even when two ask at the same time. */
  takeSignInCode(codeHash: string): SignInCodeRecord | undefined;

  listApiKeys(namespace?: string): ApiKeyRecord[];
  findApiKey(keyHash: string): ApiKeyRecord | undefined;
  insertApiKey(record: ApiKeyRecord): void;
  /** When it was used last. */
  touchApiKey(id: string, atMs: number): void;
  /** @returns false when there is no such key. */
  deleteApiKey(namespace: string, id: string): boolean;
  deleteApiKeysOf(namespace: string): void;
}

export type IssuerRecord = CreateIssuer & { createdAtMs: number };

/** Issuers of tokens. Writes are on disk when the call returns. */
export interface IssuerStore {
  /** By name. */
  list(): IssuerRecord[];
  /** @returns false when the name is taken. */
  insert(record: IssuerRecord): boolean;
  /** @returns false when there is none. */
  delete(name: string): boolean;
}

/** The public keys of issuers, fetched where they publish them, remembered, and fetched again within bounds. */
export interface IssuerKeys {
  /** What finds the key of a token. It rejects with an AdapterError when the keys cannot be had. */
  of(issuer: Pick<IssuerRecord, 'name' | 'issuer' | 'jwksUri'>): JWTVerifyGetKey;
  /** Fetches now. Never rejects. @returns why it failed, or null. */
  check(issuer: Pick<IssuerRecord, 'name' | 'issuer' | 'jwksUri'>): Promise<string | null>;
  forget(name: string): void;
}

/** Lines of the audit. Writes are on disk when the outermost transaction returns. */
export interface AuditStore {
  transaction(body: () => void): void;
  append(line: AuditLine): void;
  /** 0 when there is none. */
  lastSeq(): number;
  mark(name: MarkName): AuditMark | undefined;
  setMark(name: MarkName, mark: AuditMark): void;
  /** Newest first. */
  list(query: AuditQuery): AuditLine[];
  /** Oldest first: lines with `after` < seq <= `until`. */
  after(after: number, until: number, limit: number): AuditLine[];
  /** Only lines up to the anchor can be dropped. */
  dropUpTo(seq: number): void;
}
