import type { Migration } from './migration.ts';

/** Online state is not here on purpose: it is asked of the tunnel engine. */
export const devicesMigration: Migration = {
  version: 2,
  title: 'camera inventory',
  sql: `
    CREATE TABLE devices (
      id TEXT PRIMARY KEY,
      namespace TEXT NOT NULL,
      name TEXT NOT NULL,
      owner TEXT NOT NULL,
      secret_hash TEXT NOT NULL UNIQUE,
      secret_prefix TEXT NOT NULL,
      tunnel_name TEXT NOT NULL UNIQUE,
      capture TEXT NOT NULL,
      online_since_ms INTEGER,
      last_seen_at_ms INTEGER,
      created_at_ms INTEGER NOT NULL,
      UNIQUE (namespace, name)
    ) STRICT, WITHOUT ROWID;
  `,
};
