/** The camera inventory in SQLite. What is read back is checked: a damaged row names itself. */
import { z } from 'zod';
import type { DeviceRecord, DeviceStore } from '../../cameras/system.ts';
import { capturePolicySchema } from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import { AdapterError, isErrno } from '../../kit/errors.ts';
import type { SqliteDatabase } from './database.ts';

const rowSchema = z
  .object({
    id: z.string(),
    namespace: z.string(),
    name: z.string(),
    owner: z.string(),
    secret_hash: z.string(),
    secret_prefix: z.string(),
    tunnel_name: z.string(),
    capture: z.string().transform((text) => capturePolicySchema.parse(JSON.parse(text))),
    online_since_ms: z.number().nullable(),
    last_seen_at_ms: z.number().nullable(),
    created_at_ms: z.number(),
  })
  .transform((row): DeviceRecord => ({
    id: row.id,
    namespace: row.namespace,
    name: row.name,
    owner: row.owner,
    secretHash: row.secret_hash,
    secretPrefix: row.secret_prefix,
    tunnelName: row.tunnel_name,
    capture: row.capture,
    onlineSinceMs: row.online_since_ms,
    lastSeenAtMs: row.last_seen_at_ms,
    createdAtMs: row.created_at_ms,
  }));

type DeviceChange = Parameters<DeviceStore['update']>[1];

/** Column of each field that may change; the SQL is made of these names only. */
const CHANGEABLE: Record<keyof DeviceChange, string> = {
  name: 'name',
  owner: 'owner',
  secretHash: 'secret_hash',
  secretPrefix: 'secret_prefix',
  tunnelName: 'tunnel_name',
  capture: 'capture',
  onlineSinceMs: 'online_since_ms',
  lastSeenAtMs: 'last_seen_at_ms',
};

export class SqliteDeviceStore implements DeviceStore {
  readonly #database: SqliteDatabase;

  /** The caller opens and closes the database. */
  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** In order of creation. Throws an AdapterError that names a row which is not readable. */
  list(): DeviceRecord[] {
    const rows = this.#database.prepare('SELECT * FROM devices ORDER BY created_at_ms, id').all();
    return rows.map((row) => {
      const id = String((row as { id?: unknown }).id);
      try {
        return rowSchema.parse(row);
      } catch (cause) {
        throw new AdapterError(`The camera ${id} in the database is not readable.`, {
          operation: 'read',
          target: `devices/${id}`,
          cause,
        });
      }
    });
  }

  insert(record: DeviceRecord): void {
    refuseDuplicate(record.name, () => {
      this.#database
        .prepare(
          `INSERT INTO devices (id, namespace, name, owner, secret_hash, secret_prefix, tunnel_name, capture,
             online_since_ms, last_seen_at_ms, created_at_ms)
           VALUES (@id, @namespace, @name, @owner, @secretHash, @secretPrefix, @tunnelName, @capture,
             @onlineSinceMs, @lastSeenAtMs, @createdAtMs)`,
        )
        .run({ ...record, capture: JSON.stringify(record.capture) });
    });
  }

  update(id: string, change: DeviceChange): void {
    const columns = Object.entries(CHANGEABLE).filter(
      ([field]) => change[field as keyof DeviceChange] !== undefined,
    );
    if (columns.length === 0) return;
    const assignments = columns.map(([field, column]) => `${column} = @${field}`).join(', ');
    const { capture, ...rest } = change;
    refuseDuplicate(change.name ?? id, () => {
      this.#database.prepare(`UPDATE devices SET ${assignments} WHERE id = @id`).run({
        ...rest,
        ...(capture === undefined ? {} : { capture: JSON.stringify(capture) }),
        id,
      });
    });
  }

  updateMany(updates: { id: string; change: DeviceChange }[]): void {
    this.#database.transaction(() => {
      for (const { id, change } of updates) this.update(id, change);
    })();
  }

  delete(id: string): void {
    this.#database.prepare('DELETE FROM devices WHERE id = ?').run(id);
  }
}

function refuseDuplicate(name: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isErrno(error, 'SQLITE_CONSTRAINT_UNIQUE')) throw error;
    throw new AppError('device_exists', `There is already a camera named "${name}".`, { cause: error });
  }
}
