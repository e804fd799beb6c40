/** Opens the database, or says why not and gives an empty one, so that services run from the state file. */
import { messageOf } from '../kit/errors.ts';
import { openDatabase, type SqliteDatabase } from '../store/sqlite/database.ts';

/** `problems` is empty when the real one is open. What is written to the stand-in is gone with the process. */
export function openDatabaseOrStandIn(path: string): { database: SqliteDatabase; problems: string[] } {
  try {
    return { database: openDatabase(path), problems: [] };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : '';
    const problem = `${messageOf(error)}${cause} Services run from the state file; signing in, cameras and changes are off. Mend or restore it, then restart turnkeepd.`;
    return { database: openDatabase(':memory:'), problems: [problem] };
  }
}
