import type { Migration } from './migration.ts';

export const identityMigration: Migration = {
  version: 3,
  title: 'users, sessions, sign-in codes, API keys',
  sql: `
    CREATE TABLE users (
      name TEXT PRIMARY KEY,
      role TEXT NOT NULL CHECK (role IN ('owner', 'operator', 'viewer')),
      password_hash TEXT,
      created_at_ms INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE sessions (
      token_hash TEXT PRIMARY KEY,
      user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
      created_at_ms INTEGER NOT NULL,
      expires_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_user ON sessions (user, created_at_ms);
    CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms);

    CREATE TABLE sign_in_codes (
      code_hash TEXT PRIMARY KEY,
      user TEXT NOT NULL UNIQUE REFERENCES users (name) ON DELETE CASCADE,
      expires_at_ms INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE api_keys (
      id TEXT PRIMARY KEY,
      namespace TEXT NOT NULL,
      name TEXT NOT NULL,
      role TEXT NOT NULL CHECK (role IN ('owner', 'operator', 'viewer')),
      key_hash TEXT NOT NULL UNIQUE,
      prefix TEXT NOT NULL,
      created_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX api_keys_by_namespace ON api_keys (namespace);
  `,
};
