import type { Migration } from './migration.ts';

/** `settings`: the rest of the row, which only one file reads. */
export const issuersMigration: Migration = {
  version: 9,
  title: 'issuers of tokens',
  sql: `
    CREATE TABLE issuers (
      name TEXT PRIMARY KEY,
      issuer TEXT NOT NULL UNIQUE,
      settings TEXT NOT NULL CHECK (json_valid(settings)),
      created_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
