/** Lines of the audit in SQLite. Triggers of the schema refuse to change one, or to drop one that is kept. */
import { z } from 'zod';
import type { AuditQuery } from '../../contract/audit.ts';
import type { AuditLine, AuditMark, MarkName } from '../../identity/audit-chain.ts';
import type { AuditStore } from '../../identity/system.ts';
import type { SqliteDatabase } from './database.ts';

const lineRow = z.object({
  seq: z.number(),
  atMs: z.number(),
  actor: z.string(),
  action: z.string(),
  namespace: z.string().nullable(),
  subject: z.string().nullable(),
  outcome: z.enum(['ok', 'refused', 'failed']),
  detail: z.string(),
  prevHash: z.string(),
  hash: z.string(),
});
const markRow = z.object({ seq: z.number(), hash: z.string(), mac: z.string() });

const LINE =
  'seq, at_ms AS atMs, actor, action, namespace, subject, outcome, detail, prev_hash AS prevHash, hash';

export class SqliteAuditStore implements AuditStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  transaction(body: () => void): void {
    // Immediate: another program, the one that makes backups, may write a line at the same time.
    this.#database.transaction(body).immediate();
  }

  append(line: AuditLine): void {
    this.#database
      .prepare(
        `INSERT INTO audit (seq, at_ms, actor, action, namespace, subject, outcome, detail, prev_hash, hash)
         VALUES (@seq, @atMs, @actor, @action, @namespace, @subject, @outcome, @detail, @prevHash, @hash)`,
      )
      .run(line);
  }

  lastSeq(): number {
    const row = this.#database.prepare('SELECT coalesce(max(seq), 0) AS seq FROM audit').get();
    return z.object({ seq: z.number() }).parse(row).seq;
  }

  mark(name: MarkName): AuditMark | undefined {
    return markRow
      .optional()
      .parse(this.#database.prepare('SELECT seq, hash, mac FROM audit_marks WHERE name = ?').get(name));
  }

  setMark(name: MarkName, mark: AuditMark): void {
    this.#database
      .prepare(
        `INSERT INTO audit_marks (name, seq, hash, mac) VALUES (@name, @seq, @hash, @mac)
         ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, mac = excluded.mac`,
      )
      .run({ name, seq: mark.seq, hash: mark.hash, mac: mark.mac });
  }

  list(query: AuditQuery): AuditLine[] {
    const { limit, before = Number.MAX_SAFE_INTEGER, namespace, actor, action, outcome } = query;
    const filters = Object.entries({ namespace, actor, action, outcome }).filter(
      ([, value]) => value !== undefined,
    );
    // Column names are ours; what was asked for is bound.
    const where = ['seq < @before', ...filters.map(([column]) => `${column} = @${column}`)].join(' AND ');
    const statement = this.#database.prepare(
      `SELECT ${LINE} FROM audit WHERE ${where} ORDER BY seq DESC LIMIT @limit`,
    );
    return z.array(lineRow).parse(statement.all({ before, limit, ...Object.fromEntries(filters) }));
  }

  after(after: number, until: number, limit: number): AuditLine[] {
    const statement = this.#database.prepare(
      `SELECT ${LINE} FROM audit WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
    );
    return z.array(lineRow).parse(statement.all(after, until, limit));
  }

  dropUpTo(seq: number): void {
    this.#database.prepare('DELETE FROM audit WHERE seq <= ?').run(seq);
  }
}
