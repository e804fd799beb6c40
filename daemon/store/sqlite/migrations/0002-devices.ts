import type { Migration } from './migration.ts';

export const devicesMigration: Migration = {
  version: 2,
  title: 'camera inventory',
  sql: '',
};
