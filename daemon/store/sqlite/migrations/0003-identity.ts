import type { Migration } from './migration.ts';

export const identityMigration: Migration = {
  version: 3,
  title: 'users, sessions, sign-in codes',
  sql: '',
};
