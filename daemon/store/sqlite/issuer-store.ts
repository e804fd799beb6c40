/** Issuers of tokens in SQLite. They are public: addresses of keys, no secrets. */
import { z } from 'zod';
import { createIssuerSchema } from '../../contract/issuers.ts';
import type { IssuerRecord, IssuerStore } from '../../identity/system.ts';
import type { SqliteDatabase } from './database.ts';

const row = z.object({ name: z.string(), issuer: z.string(), settings: z.string(), createdAtMs: z.number() });

export class SqliteIssuerStore implements IssuerStore {
  readonly #database: SqliteDatabase;
  /** Every token asks: read once, and after each change. */
  #known: IssuerRecord[] | undefined;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  list(): IssuerRecord[] {
    this.#known ??= z
      .array(row)
      .parse(
        this.#database
          .prepare('SELECT name, issuer, settings, created_at_ms AS createdAtMs FROM issuers ORDER BY name')
          .all(),
      )
      .map(({ name, issuer, settings, createdAtMs }) => ({
        ...createIssuerSchema.parse({ ...(JSON.parse(settings) as object), name, issuer }),
        createdAtMs,
      }));
    return this.#known;
  }

  insert({ name, issuer, createdAtMs, ...settings }: IssuerRecord): boolean {
    this.#known = undefined;
    const { changes } = this.#database
      .prepare(
        `INSERT INTO issuers (name, issuer, settings, created_at_ms)
         VALUES (@name, @issuer, @settings, @createdAtMs) ON CONFLICT DO NOTHING`,
      )
      .run({ name, issuer, settings: JSON.stringify(settings), createdAtMs });
    return changes === 1;
  }

  delete(name: string): boolean {
    this.#known = undefined;
    return this.#database.prepare('DELETE FROM issuers WHERE name = ?').run(name).changes === 1;
  }
}
