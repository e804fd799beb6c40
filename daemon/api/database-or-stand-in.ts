/** Opens the database, or says why not and gives an empty one, so that services run from the state file. */
import { backoffMs } from '../kit/backoff.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import { openDatabase, type SqliteDatabase } from '../store/sqlite/database.ts';

const RETRY = { firstMs: 2000, maxMs: 30_000 };

/** `problems` is empty when the real one is open. What is written to the stand-in is gone with the process. */
export function openDatabaseOrStandIn(path: string): { database: SqliteDatabase; problems: string[] } {
  try {
    return { database: openDatabase(path), problems: [] };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : '';
    const problem = `${messageOf(error)}${cause} Services run from the state file; signing in, cameras and changes are off. Mend or restore it: it is tried again every half minute.`;
    return { database: openDatabase(':memory:'), problems: [problem] };
  }
}

/** Tries to open the database, with backoff, and calls `then` once when that works. */
export function whenDatabaseOpens(
  path: string,
  options: { clock: Clock; random?: () => number; then: () => void },
): Cancel {
  const { clock, random = Math.random, then } = options;
  let cancel: Cancel = () => undefined;
  const wait = (attempt: number): void => {
    cancel = clock.after(backoffMs(attempt, RETRY, random()), () => {
      try {
        openDatabase(path).close();
      } catch {
        wait(attempt + 1); // Its reason is in the health report since the start.
        return;
      }
      then();
    });
  };
  wait(1);
  return () => {
    cancel();
  };
}
