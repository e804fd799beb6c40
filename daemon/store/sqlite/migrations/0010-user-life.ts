/** Users that are disabled, and when an API key was used last. */
import type { Migration } from './migration.ts';

export const userLifeMigration: Migration = {
  version: 10,
  title: 'disabled users, last use of API keys',
  sql: `
    ALTER TABLE users ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1));
    ALTER TABLE api_keys ADD COLUMN last_used_ms INTEGER;
  `,
};
