import type { Migration } from './migration.ts';

export const quotasMigration: Migration = {
  version: 8,
  title: 'quotas of namespaces',
  sql: `
    CREATE TABLE namespace_quotas (
      namespace TEXT PRIMARY KEY REFERENCES namespaces (name) ON DELETE CASCADE,
      quota TEXT NOT NULL CHECK (json_valid(quota))
    ) STRICT, WITHOUT ROWID;
  `,
};
