/** Looks at the open database and at the file under its path, and changes nothing. */
import { statSync } from 'node:fs';
import { messageOf } from '../../kit/errors.ts';
import type { SqliteDatabase } from './database.ts';

const MAX_PROBLEMS = 5;

export class DatabaseLook {
  readonly #database: SqliteDatabase;
  readonly #path: string;
  readonly #opened: string | undefined;

  /** To be made right after `database` was opened from `path`. */
  constructor(database: SqliteDatabase, path: string) {
    this.#database = database;
    this.#path = path;
    this.#opened = identity(path);
  }

  file(): 'same' | 'missing' | 'replaced' {
    const now = identity(this.#path);
    if (now === undefined) return 'missing';
    return now === this.#opened ? 'same' : 'replaced';
  }

  /** What SQLite finds wrong, in its words; empty when it is sound. */
  corruption(): string[] {
    try {
      const rows = this.#database.pragma(`quick_check(${String(MAX_PROBLEMS)})`) as { quick_check: string }[];
      const broken = this.#database.pragma('foreign_key_check') as { table: string }[];
      return [
        ...rows.map((row) => row.quick_check).filter((text) => text !== 'ok'),
        ...broken.slice(0, MAX_PROBLEMS).map(({ table }) => `a row of ${table} belongs to nothing`),
      ];
    } catch (error) {
      return [messageOf(error)];
    }
  }
}

function identity(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${String(stat.dev)}:${String(stat.ino)}`;
}
