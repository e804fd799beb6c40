/**
 * Users, sessions and sign-in codes: who may sign in, and who a cookie stands for. The store keeps
 * hashes; the secrets themselves leave this file once, in an answer.
 */
import type { Role, User } from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import type { ChangeUser, ConsoleSession, ListedUser } from '../contract/identity.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/logger.ts';
import { randomToken, sha256Hex } from '../kit/secret.ts';
import { LoginThrottle, type LoginTry } from './login-throttle.ts';
import { PasswordHasher } from './password.ts';
import type { IdentityStore, SessionRecord, UserRecord } from './system.ts';
import { canonicalTypable, typableSecret } from './typable-secret.ts';

export const FIRST_USER = 'admin';
const SESSION_MS = 12 * 3600_000;
/** However busy: after this a session ends. */
const SESSION_MAX_MS = 30 * 24 * 3600_000;
/** A session is moved on at most this often: one write a minute, not one a request. */
const EXTEND_AFTER_MS = 60_000;
const SESSIONS_PER_USER = 50;
const CODE_MS = 15 * 60_000;
const MAX_USERS = 1000;
/** Throttle key of codes: they name no user, and guessers elsewhere must not keep others out. */
const byCode = (address: string): string => `(code) ${address}`;

export type SignedIn = { token: string; user: User; expiresAtMs: number };
export type LiveSession = { user: User; tokenHash: string; expiresAtMs: number; extended: boolean };

export class Identity {
  readonly #store: IdentityStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #hasher = new PasswordHasher();
  readonly #throttle = new LoginThrottle();

  constructor(options: { store: IdentityStore; clock: Clock; log: Logger }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Makes the first owner when there is no user. Nobody knows a password: a code or a reset opens it. */
  ensureFirstUser(): void {
    this.#store.deleteExpired(this.#clock.nowMs());
    if (this.#store.listUsers().length > 0) return;
    this.#store.insertUser({
      name: FIRST_USER,
      role: 'owner',
      passwordHash: null,
      createdAtMs: this.#clock.nowMs(),
      disabled: false,
    });
    this.#log.info({ user: FIRST_USER }, 'first user created');
  }

  listUsers(): User[] {
    return this.#store.listUsers().map(({ name, role }) => ({ name, role }));
  }

  /** As owners see them. */
  userViews(): ListedUser[] {
    const sessions = this.#openSessions();
    return this.#store.listUsers().map(({ name, role, disabled, createdAtMs }) => {
      const lastMs = Math.max(...sessions.flatMap((one) => (one.user === name ? [lastActiveMs(one)] : [])));
      return {
        name,
        role,
        disabled,
        createdAt: iso(createdAtMs),
        lastActiveAt: Number.isFinite(lastMs) ? iso(lastMs) : null,
      };
    });
  }

  /** @param currentHash hash of the token of who asks. */
  sessionViews(currentHash: string | undefined): ConsoleSession[] {
    return this.#openSessions().map((one) => ({
      id: sessionId(one.tokenHash),
      user: one.user,
      createdAt: iso(one.createdAtMs),
      lastActiveAt: iso(lastActiveMs(one)),
      expiresAt: iso(one.expiresAtMs),
      current: one.tokenHash === currentHash,
    }));
  }

  /** @returns whose it was. */
  endSession(id: string): string {
    const found = this.#store.listSessions().find(({ tokenHash }) => sessionId(tokenHash) === id);
    if (found === undefined) throw new AppError('not_found', 'There is no such session: it has ended.');
    this.#store.deleteSession(found.tokenHash);
    return found.user;
  }

  /** Refused with conflict when nobody would be owner any more. */
  changeUser(name: string, change: ChangeUser): { before: User & { disabled: boolean }; after: ListedUser } {
    const user = this.#store.getUser(name);
    if (user === undefined) throw noUser(name);
    const { role = user.role, disabled = user.disabled } = change;
    if (role !== 'owner' || disabled) this.#refuseLastOwner(user);
    this.#store.changeUser(name, { role, disabled });
    const after = this.userViews().find((one) => one.name === name);
    if (after === undefined) throw noUser(name);
    return { before: { name, role: user.role, disabled: user.disabled }, after };
  }

  /** @returns the generated password, shown once. Refused with conflict when the name is taken. */
  async createUser(name: string, role: Role): Promise<{ user: User; password: string }> {
    if (this.#store.listUsers().length >= MAX_USERS) {
      throw new AppError('conflict', `There are ${String(MAX_USERS)} users already. Delete one first.`);
    }
    const password = typableSecret(5);
    const passwordHash = await this.#hasher.hash(password);
    const createdAtMs = this.#clock.nowMs();
    if (!this.#store.insertUser({ name, role, passwordHash, createdAtMs, disabled: false })) {
      throw new AppError('conflict', `There is a user ${name} already.`);
    }
    return { user: { name, role }, password };
  }

  deleteUser(name: string): void {
    const user = this.#store.getUser(name);
    if (user === undefined) throw noUser(name);
    this.#refuseLastOwner(user);
    this.#store.deleteUser(name);
  }

  #refuseLastOwner({ name }: UserRecord): void {
    const owners = this.#store.listUsers().filter(({ role, disabled }) => role === 'owner' && !disabled);
    if (owners.length === 1 && owners[0]?.name === name) {
      throw new AppError('conflict', `${name} is the last owner. Create another owner first.`);
    }
  }

  #openSessions(): SessionRecord[] {
    const nowMs = this.#clock.nowMs();
    return this.#store.listSessions().filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  /** A new generated password, shown once; every session of the user ends. */
  async resetPassword(name: string): Promise<{ user: User; password: string }> {
    const user = this.#user(name);
    const password = typableSecret(5);
    this.#store.setPassword(name, await this.#hasher.hash(password));
    return { user, password };
  }

  /** A code that signs this user in once within 15 minutes; an earlier code stops working. */
  createSignInCode(name: string): { user: User; code: string; expiresAtMs: number } {
    const user = this.#user(name);
    if (this.#store.getUser(name)?.disabled === true) {
      throw new AppError('conflict', `${name} is disabled. Enable it first: turnkeep user enable ${name}`);
    }
    const code = typableSecret(4);
    const expiresAtMs = this.#clock.nowMs() + CODE_MS;
    this.#store.putSignInCode({ codeHash: sha256Hex(canonicalTypable(code)), user: name, expiresAtMs });
    return { user, code, expiresAtMs };
  }

  /** One answer, in the same time, for a wrong password and a user that is not there. */
  async signInWithPassword(name: string, password: string, address: string): Promise<SignedIn> {
    const attempt = this.#begin(name, address);
    const before = this.#store.getUser(name);
    const right = await this.#hasher.verify(password, before?.passwordHash ?? null);
    // The user may have been deleted, or the password reset, while we were hashing.
    const user = this.#store.getUser(name);
    if (!right || user === undefined || user.disabled || user.passwordHash !== before?.passwordHash) {
      this.#log.warn({ user: name, address }, 'sign-in refused');
      throw new AppError('invalid_login', wrongSentence(attempt.triesLeft));
    }
    this.#throttle.succeeded(name, address);
    return this.#openSession({ name: user.name, role: user.role });
  }

  signInWithCode(code: string, address: string): SignedIn {
    this.#begin(byCode(address), address);
    const found = this.#store.takeSignInCode(sha256Hex(canonicalTypable(code)));
    const user = found === undefined ? undefined : this.#store.getUser(found.user);
    if (
      found === undefined ||
      user === undefined ||
      user.disabled ||
      found.expiresAtMs <= this.#clock.nowMs()
    ) {
      this.#log.warn({ address }, 'sign-in code refused');
      throw new AppError(
        'invalid_login',
        'This code is not valid any more: a code works once, for 15 minutes. Make a new one with `turnkeep user sign-in-code`.',
      );
    }
    this.#throttle.succeeded(byCode(address), address);
    return this.#openSession({ name: user.name, role: user.role });
  }

  /** The session behind a cookie, moved on when it is used. Undefined: none, ended, or user deleted. */
  session(token: string): LiveSession | undefined {
    return this.sessionByHash(sha256Hex(token));
  }

  /** The same by hash, for sockets that outlive their request. */
  sessionByHash(tokenHash: string): LiveSession | undefined {
    const nowMs = this.#clock.nowMs();
    const record = this.#store.getSession(tokenHash);
    if (record === undefined) return undefined;
    const user = record.expiresAtMs > nowMs ? this.#store.getUser(record.user) : undefined;
    if (user === undefined || user.disabled) return undefined;
    const laterMs = Math.min(nowMs + SESSION_MS, record.createdAtMs + SESSION_MAX_MS);
    const extended = laterMs - record.expiresAtMs >= EXTEND_AFTER_MS;
    if (extended) this.#store.extendSession(tokenHash, laterMs);
    const expiresAtMs = extended ? laterMs : record.expiresAtMs;
    return { user: { name: user.name, role: user.role }, tokenHash, expiresAtMs, extended };
  }

  signOut(tokenHash: string): void {
    this.#store.deleteSession(tokenHash);
  }

  #begin(user: string, address: string): LoginTry & { allowed: true } {
    const attempt = this.#throttle.begin(user, address, this.#clock.nowMs());
    if (attempt.allowed) return attempt;
    const seconds = Math.ceil(attempt.waitMs / 1000);
    throw new AppError('rate_limited', `Too many tries. Try again in ${String(seconds)} s.`, {
      retryAfterSeconds: seconds,
    });
  }

  #openSession(user: User): SignedIn {
    const nowMs = this.#clock.nowMs();
    const token = randomToken(32);
    const expiresAtMs = nowMs + SESSION_MS;
    this.#store.deleteExpired(nowMs);
    this.#store.insertSession(
      { tokenHash: sha256Hex(token), user: user.name, createdAtMs: nowMs, expiresAtMs },
      SESSIONS_PER_USER,
    );
    this.#log.info({ user: user.name }, 'signed in');
    return { token, user, expiresAtMs };
  }

  #user(name: string): User {
    const user = this.#store.getUser(name);
    if (user === undefined) throw noUser(name);
    return { name: user.name, role: user.role };
  }
}

function noUser(name: string): AppError {
  return new AppError('not_found', `There is no user ${name}.`);
}

const iso = (atMs: number): string => new Date(atMs).toISOString();

/** A session is moved on when it is used: from its end follows when. Close to its longest life that is not known better. */
function lastActiveMs({ createdAtMs, expiresAtMs }: SessionRecord): number {
  return Math.max(createdAtMs, expiresAtMs - SESSION_MS);
}

/** Not the hash itself: what names a session must not be what finds it. */
function sessionId(tokenHash: string): string {
  return sha256Hex(tokenHash).slice(0, 24);
}

function wrongSentence(triesLeft: number): string {
  if (triesLeft === 0) return 'User name or password is wrong. Try again in 60 s.';
  const tries = triesLeft === 1 ? '1 try' : `${String(triesLeft)} tries`;
  return `User name or password is wrong. ${tries} left before a 60 s pause.`;
}
