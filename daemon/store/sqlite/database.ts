/**
 * Opens the SQLite database and brings its schema up to date. One writer, WAL, foreign keys on. The
 * version is SQLite's own `user_version`; every migration runs in a transaction of its own.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { AdapterError } from '../../kit/errors.ts';
import { auditMigration } from './migrations/0007-audit.ts';
import { dnsDebtsMigration } from './migrations/0011-dns-debts.ts';
import { devicesMigration } from './migrations/0002-devices.ts';
import { identityMigration } from './migrations/0003-identity.ts';
import { namespacesMigration } from './migrations/0001-namespaces.ts';
import { issuersMigration } from './migrations/0009-issuers.ts';
import { quotasMigration } from './migrations/0008-quotas.ts';
import { publicRelayMigration } from './migrations/0005-public-relay.ts';
import { roomSettingsMigration } from './migrations/0006-room-settings.ts';
import { turnAccessMigration } from './migrations/0004-turn-access.ts';
import { userLifeMigration } from './migrations/0010-user-life.ts';
import type { Migration } from './migrations/migration.ts';

export type SqliteDatabase = Database.Database;

const MIGRATIONS: Migration[] = [
  namespacesMigration,
  devicesMigration,
  identityMigration,
  turnAccessMigration,
  publicRelayMigration,
  roomSettingsMigration,
  auditMigration,
  quotasMigration,
  issuersMigration,
  userLifeMigration,
  dnsDebtsMigration,
];

/** `path` may be `:memory:` in tests. Throws an AdapterError that names the file. */
export function openDatabase(path: string): SqliteDatabase {
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const database = new Database(path);
    try {
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = FULL'); // What was confirmed survives a power cut.
      database.pragma('foreign_keys = ON');
      database.pragma('busy_timeout = 2000');
      migrate(database);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (cause) {
    throw new AdapterError(`The database ${path} does not open.`, { operation: 'open', target: path, cause });
  }
}

function migrate(database: SqliteDatabase): void {
  const current = Number(database.pragma('user_version', { simple: true }));
  const newest = MIGRATIONS.at(-1)?.version ?? 0;
  if (current > newest) {
    throw new Error(`schema version ${String(current)} is newer than this program knows (${String(newest)})`);
  }
  for (const migration of MIGRATIONS) {
    if (migration.version <= current) continue;
    database.transaction(() => {
      database.exec(migration.sql);
      database.pragma(`user_version = ${String(migration.version)}`);
    })();
  }
}
