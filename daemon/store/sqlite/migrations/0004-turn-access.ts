/** What a TURN service accepts beside its issuing secret, and operations that change it. */
import type { Migration } from './migration.ts';

/** SQLite cannot widen a CHECK: the two tables of the journal are made anew and their rows copied. */
export const turnAccessMigration: Migration = {
  version: 4,
  title: 'TURN access, rotation of secrets',
  sql: `
    CREATE TABLE turn_access (
      namespace TEXT PRIMARY KEY REFERENCES namespaces (name),
      access TEXT NOT NULL CHECK (json_valid(access))
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE next_operations (
      id TEXT PRIMARY KEY,
      kind TEXT NOT NULL CHECK (kind IN ('enable-webrtc', 'disable-webrtc', 'rotate-turn-secret')),
      namespace TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')),
      started_at_ms INTEGER NOT NULL,
      ended_at_ms INTEGER,
      error_code TEXT,
      error_message TEXT
    ) STRICT;
    INSERT INTO next_operations
      SELECT id, kind, namespace, state, started_at_ms, ended_at_ms, error_code, error_message
      FROM operations ORDER BY rowid;
    CREATE TABLE next_operation_steps (
      operation_id TEXT NOT NULL REFERENCES next_operations (id) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      step_id TEXT NOT NULL,
      label TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'undone')),
      duration_ms INTEGER,
      note TEXT,
      PRIMARY KEY (operation_id, position),
      UNIQUE (operation_id, step_id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO next_operation_steps
      SELECT operation_id, position, step_id, label, state, duration_ms, note FROM operation_steps;
    DROP TABLE operation_steps;
    DROP TABLE operations;
    ALTER TABLE next_operations RENAME TO operations;
    ALTER TABLE next_operation_steps RENAME TO operation_steps;
    CREATE UNIQUE INDEX operations_one_running ON operations (namespace) WHERE state = 'running';
  `,
};
