/** What identity needs from the outside: durable stores. `store/sqlite/` provides them. */
import type { Role } from '../contract/api.ts';
import type { AuditQuery } from '../contract/audit.ts';
import type { AuditLine, AuditMark, MarkName } from './audit-chain.ts';

export type UserRecord = {
  name: string;
  role: Role;
  /** Null: no password signs this user in. */
  passwordHash: string | null;
  createdAtMs: number;
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
};

/** Writes are on disk when the call returns. Deleting a user deletes its sessions and codes. */
export interface IdentityStore {
  listUsers(): UserRecord[];
  getUser(name: string): UserRecord | undefined;
  /** @returns false when the name is taken. */
  insertUser(record: UserRecord): boolean;
  deleteUser(name: string): void;
  /** Sets the password, ends all sessions of the user and voids its codes, all or nothing. */
  setPassword(name: string, passwordHash: string): void;

  /** Keeps the newest `maxPerUser` sessions of the user. */
  insertSession(record: SessionRecord, maxPerUser: number): void;
  getSession(tokenHash: string): SessionRecord | undefined;
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
  /** @returns false when there is no such key. */
  deleteApiKey(namespace: string, id: string): boolean;
  deleteApiKeysOf(namespace: string): void;
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
