/** Names of namespaces that are gone, whose records the DNS server has not given up yet. */
import type { Migration } from './migration.ts';

export const dnsDebtsMigration: Migration = {
  version: 11,
  title: 'DNS records that are still to be removed',
  sql: `
    CREATE TABLE dns_debts (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `,
};
