import type { Migration } from './migration.ts';

export const namespacesMigration: Migration = {
  version: 1,
  title: 'namespaces, port blocks, operations',
  sql: '',
};
