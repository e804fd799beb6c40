import type { Migration } from './migration.ts';

/** `audit_marks`: `anchor`, the last line that retention dropped, and `head`, the newest line. */
export const auditMigration: Migration = {
  version: 7,
  title: 'audit: append-only, hash-chained',
  sql: `
    CREATE TABLE audit (
      seq INTEGER PRIMARY KEY,
      at_ms INTEGER NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      namespace TEXT,
      subject TEXT,
      outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'refused', 'failed')),
      detail TEXT NOT NULL,
      prev_hash TEXT NOT NULL,
      hash TEXT NOT NULL
    ) STRICT;

    CREATE TABLE audit_marks (
      name TEXT PRIMARY KEY CHECK (name IN ('anchor', 'head')),
      seq INTEGER NOT NULL,
      hash TEXT NOT NULL,
      mac TEXT NOT NULL
    ) STRICT;

    CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
    CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    WHEN OLD.seq > coalesce((SELECT seq FROM audit_marks WHERE name = 'anchor'), 0)
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
  `,
};
