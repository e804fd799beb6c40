/** The database as of one moment, while others write it. */
import Database from 'better-sqlite3';
import { AdapterError } from '../../kit/errors.ts';

/** @returns a database file. Throws an AdapterError for one that is not there or is damaged. */
export function snapshotDatabase(path: string): Buffer {
  try {
    // Writable: the last one to close a database in WAL mode has to tidy up after itself.
    const database = new Database(path, { fileMustExist: true });
    try {
      database.pragma('busy_timeout = 5000');
      const result: unknown = database.pragma('quick_check', { simple: true });
      if (result !== 'ok') throw new Error(String(result));
      return database.serialize();
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new AdapterError(`The database ${path} cannot be read whole. \`turnkeep inspect\` says more.`, {
      operation: 'snapshot',
      target: path,
      cause,
    });
  }
}
