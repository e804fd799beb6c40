/** Namespaces, WebRTC configurations, port claims, journal and room affinity in SQLite. */
import type { Statement } from 'better-sqlite3';
import { AppError } from '../../contract/errors.ts';
import { ownQuotaSchema, type OwnQuota } from '../../contract/quota.ts';
import { roomSettingsSchema } from '../../contract/rooms.ts';
import { NO_TURN_ACCESS, turnAccessSchema, type TurnAccess } from '../../contract/turn-access.ts';
import type {
  NamespaceRecord,
  NamespaceStore,
  OperationRecord,
  PortClaim,
  RoomAffinity,
  StepRecord,
  WebrtcDesire,
  WebrtcRecord,
} from '../../namespaces/system.ts';
import type { SqliteDatabase } from './database.ts';

/** Finished operations that are kept for the console and the CLI. */
const KEPT_OPERATIONS = 200;

type ClaimRow = {
  node: string;
  namespace: string;
  sfu_signaling_port: number;
  sfu_media_min: number;
  sfu_media_max: number;
  turn_relay_min: number;
  turn_relay_max: number;
  turn_port: number;
  turns_port: number;
};
type WebrtcRow = Omit<WebrtcRecord, 'turnAccess'> & { access: string | null };
type OperationRow = {
  id: string;
  kind: OperationRecord['kind'];
  namespace: string;
  state: OperationRecord['state'];
  startedAtMs: number;
  endedAtMs: number | null;
  errorCode: string | null;
  errorMessage: string | null;
};

const WEBRTC_COLUMNS = `namespace, state, sealed_turn_secret AS sealedTurnSecret,
  sealed_ticket_key AS sealedTicketKey, ttl_seconds AS ttlSeconds, relay_scope AS relayScope, domain,
  created_at_ms AS createdAtMs,
  (SELECT access FROM turn_access WHERE turn_access.namespace = webrtc_configs.namespace) AS access`;
const OPERATION_COLUMNS = `id, kind, namespace, state, started_at_ms AS startedAtMs,
  ended_at_ms AS endedAtMs, error_code AS errorCode, error_message AS errorMessage`;

export class SqliteNamespaceStore implements NamespaceStore {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, Statement>();

  /** The caller owns the database and closes it. */
  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  namespaces(): NamespaceRecord[] {
    return this.#all('SELECT name, created_at_ms AS createdAtMs FROM namespaces ORDER BY name');
  }

  insertNamespace(record: NamespaceRecord): void {
    try {
      this.#run(
        'INSERT INTO namespaces (name, created_at_ms) VALUES (?, ?)',
        record.name,
        record.createdAtMs,
      );
    } catch (cause) {
      if (!isConstraint(cause)) throw cause;
      throw new AppError('namespace_exists', `A namespace "${record.name}" already exists.`, { cause });
    }
  }

  deleteNamespace(name: string): void {
    try {
      this.#run('DELETE FROM namespaces WHERE name = ?', name);
    } catch (cause) {
      if (!isConstraint(cause)) throw cause;
      throw new AppError(
        'namespace_in_use',
        `Something still belongs to the namespace "${name}": remove its cameras and disable WebRTC first.`,
        { cause },
      );
    }
  }

  quota(namespace: string): OwnQuota {
    const row = this.#get<{ quota: string }>(
      'SELECT quota FROM namespace_quotas WHERE namespace = ?',
      namespace,
    );
    return row === undefined ? {} : ownQuotaSchema.parse(JSON.parse(row.quota));
  }

  setQuota(namespace: string, quota: OwnQuota): void {
    this.#run(
      `INSERT INTO namespace_quotas (namespace, quota) VALUES (?, ?)
       ON CONFLICT (namespace) DO UPDATE SET quota = excluded.quota`,
      namespace,
      JSON.stringify(ownQuotaSchema.parse(quota)),
    );
  }

  webrtcConfigs(): WebrtcRecord[] {
    return this.#all<WebrtcRow>(`SELECT ${WEBRTC_COLUMNS} FROM webrtc_configs ORDER BY namespace`).map(
      webrtcRecord,
    );
  }

  webrtcConfig(namespace: string): WebrtcRecord | undefined {
    const row = this.#get<WebrtcRow>(
      `SELECT ${WEBRTC_COLUMNS} FROM webrtc_configs WHERE namespace = ?`,
      namespace,
    );
    return row === undefined ? undefined : webrtcRecord(row);
  }

  insertWebrtcConfig(record: WebrtcRecord): void {
    try {
      this.#database.transaction(() => {
        this.#run(
          `INSERT INTO webrtc_configs (namespace, state, sealed_turn_secret, sealed_ticket_key, ttl_seconds,
            relay_scope, domain, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          record.namespace,
          record.state,
          record.sealedTurnSecret,
          record.sealedTicketKey,
          record.ttlSeconds,
          record.relayScope,
          record.domain,
          record.createdAtMs,
        );
        this.#putTurnAccess(record.namespace, record.turnAccess);
      })();
    } catch (cause) {
      if (!isConstraint(cause, 'SQLITE_CONSTRAINT_PRIMARYKEY')) throw cause;
      throw new AppError('webrtc_already_enabled', `WebRTC is already set up for "${record.namespace}".`, {
        cause,
      });
    }
  }

  setWebrtcState(namespace: string, state: WebrtcDesire): void {
    this.#run('UPDATE webrtc_configs SET state = ? WHERE namespace = ?', state, namespace);
  }

  setTurnKeys(namespace: string, keys: { sealedTurnSecret: string; turnAccess: TurnAccess }): void {
    this.#database.transaction(() => {
      const before = this.webrtcConfig(namespace)?.turnAccess ?? NO_TURN_ACCESS;
      this.#run(
        'UPDATE webrtc_configs SET sealed_turn_secret = ? WHERE namespace = ?',
        keys.sealedTurnSecret,
        namespace,
      );
      const revision = Math.max(before.revision + 1, keys.turnAccess.revision);
      this.#putTurnAccess(namespace, { ...keys.turnAccess, revision });
    })();
  }

  deleteWebrtcConfig(namespace: string): void {
    this.#database.transaction(() => {
      this.#run('DELETE FROM turn_access WHERE namespace = ?', namespace);
      this.#run('DELETE FROM webrtc_rooms WHERE namespace = ?', namespace);
      this.#run('DELETE FROM webrtc_configs WHERE namespace = ?', namespace);
    })();
  }

  portClaims(): PortClaim[] {
    const rows = this.#all<ClaimRow>('SELECT * FROM port_claims ORDER BY node, namespace');
    return rows.map((row) => ({
      node: row.node,
      namespace: row.namespace,
      blocks: {
        sfuSignaling: row.sfu_signaling_port,
        sfuMedia: { minPort: row.sfu_media_min, maxPort: row.sfu_media_max },
        turnRelay: { minPort: row.turn_relay_min, maxPort: row.turn_relay_max },
        turn: row.turn_port,
        turns: row.turns_port,
      },
    }));
  }

  insertPortClaim(claim: PortClaim): void {
    const { node, namespace, blocks } = claim;
    try {
      this.#run(
        `INSERT INTO port_claims (node, namespace, sfu_signaling_port, sfu_media_min, sfu_media_max,
          turn_relay_min, turn_relay_max, turn_port, turns_port) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        node,
        namespace,
        blocks.sfuSignaling,
        blocks.sfuMedia.minPort,
        blocks.sfuMedia.maxPort,
        blocks.turnRelay.minPort,
        blocks.turnRelay.maxPort,
        blocks.turn,
        blocks.turns,
      );
    } catch (cause) {
      const taken =
        isConstraint(cause, 'SQLITE_CONSTRAINT_UNIQUE') ||
        isConstraint(cause, 'SQLITE_CONSTRAINT_PRIMARYKEY');
      if (!taken) throw cause;
      throw new AppError('port_taken', `A port of "${namespace}" belongs to another namespace.`, { cause });
    }
  }

  deletePortClaim(node: string, namespace: string): void {
    this.#run('DELETE FROM port_claims WHERE node = ? AND namespace = ?', node, namespace);
  }

  insertOperation(record: OperationRecord): void {
    try {
      this.#database.transaction(() => {
        this.#run(
          'INSERT INTO operations (id, kind, namespace, state, started_at_ms) VALUES (?, ?, ?, ?, ?)',
          record.id,
          record.kind,
          record.namespace,
          record.state,
          record.startedAtMs,
        );
        record.steps.forEach((step, position) => {
          this.#run(
            `INSERT INTO operation_steps (operation_id, position, step_id, label, state, duration_ms, note)
             VALUES (?, ?, ?, ?, ?, ?, ?)`,
            record.id,
            position,
            step.id,
            step.label,
            step.state,
            step.durationMs,
            step.note,
          );
        });
        this.#run(
          `DELETE FROM operations WHERE state <> 'running' AND id NOT IN
            (SELECT id FROM operations ORDER BY started_at_ms DESC, rowid DESC LIMIT ?)`,
          KEPT_OPERATIONS,
        );
      })();
    } catch (cause) {
      if (!isConstraint(cause, 'SQLITE_CONSTRAINT_UNIQUE')) throw cause;
      throw new AppError(
        'operation_in_progress',
        `Another operation is running on the namespace "${record.namespace}".`,
        { cause, retryAfterSeconds: 5 },
      );
    }
  }

  updateStep(operationId: string, step: StepRecord): void {
    this.#run(
      'UPDATE operation_steps SET state = ?, duration_ms = ?, note = ? WHERE operation_id = ? AND step_id = ?',
      step.state,
      step.durationMs,
      step.note,
      operationId,
      step.id,
    );
  }

  finishOperation(
    operationId: string,
    end: { state: 'succeeded' | 'failed'; endedAtMs: number; error: OperationRecord['error'] },
  ): void {
    this.#run(
      'UPDATE operations SET state = ?, ended_at_ms = ?, error_code = ?, error_message = ? WHERE id = ?',
      end.state,
      end.endedAtMs,
      end.error?.code ?? null,
      end.error?.message ?? null,
      operationId,
    );
  }

  operation(id: string): OperationRecord | undefined {
    const row = this.#get<OperationRow>(`SELECT ${OPERATION_COLUMNS} FROM operations WHERE id = ?`, id);
    return row === undefined ? undefined : this.#withSteps(row);
  }

  operations(limit: number): OperationRecord[] {
    const rows = this.#all<OperationRow>(
      `SELECT ${OPERATION_COLUMNS} FROM operations ORDER BY started_at_ms DESC, rowid DESC LIMIT ?`,
      limit,
    );
    return rows.map((row) => this.#withSteps(row));
  }

  runningOperations(): OperationRecord[] {
    const rows = this.#all<OperationRow>(
      `SELECT ${OPERATION_COLUMNS} FROM operations WHERE state = 'running' ORDER BY started_at_ms, rowid`,
    );
    return rows.map((row) => this.#withSteps(row));
  }

  stateGeneration(node: string): number {
    const row = this.#get<{ generation: number }>(
      'SELECT state_generation AS generation FROM node_states WHERE node = ?',
      node,
    );
    return row?.generation ?? 0;
  }

  setStateGeneration(node: string, generation: number): void {
    this.#run(
      `INSERT INTO node_states (node, state_generation) VALUES (?, ?)
       ON CONFLICT (node) DO UPDATE SET state_generation = excluded.state_generation`,
      node,
      generation,
    );
  }

  dnsDebts(): string[] {
    return this.#all<{ name: string }>('SELECT name FROM dns_debts ORDER BY name').map(({ name }) => name);
  }

  addDnsDebt(name: string): void {
    this.#run('INSERT INTO dns_debts (name) VALUES (?) ON CONFLICT DO NOTHING', name);
  }

  deleteDnsDebt(name: string): void {
    this.#run('DELETE FROM dns_debts WHERE name = ?', name);
  }

  setRoomAffinity(record: RoomAffinity): void {
    this.#run(
      `INSERT INTO webrtc_rooms (namespace, room_id, node, updated_at_ms, settings) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (namespace, room_id) DO UPDATE SET node = excluded.node, updated_at_ms = excluded.updated_at_ms,
         settings = COALESCE(excluded.settings, settings)`,
      record.namespace,
      record.roomId,
      record.node,
      record.updatedAtMs,
      record.settings ? JSON.stringify(record.settings) : null,
    );
  }

  roomAffinities(namespace: string): RoomAffinity[] {
    return this.#all<Omit<RoomAffinity, 'settings'> & { settings: string | null }>(
      `SELECT namespace, room_id AS roomId, node, updated_at_ms AS updatedAtMs, settings FROM webrtc_rooms
       WHERE namespace = ? ORDER BY room_id`,
      namespace,
    ).map(({ settings, ...record }) => ({
      ...record,
      settings: settings === null ? null : roomSettingsSchema.parse(JSON.parse(settings)),
    }));
  }

  deleteRoomAffinity(namespace: string, roomId: string): void {
    this.#run('DELETE FROM webrtc_rooms WHERE namespace = ? AND room_id = ?', namespace, roomId);
  }

  #putTurnAccess(namespace: string, access: TurnAccess): void {
    this.#run(
      `INSERT INTO turn_access (namespace, access) VALUES (?, ?)
       ON CONFLICT (namespace) DO UPDATE SET access = excluded.access`,
      namespace,
      JSON.stringify(turnAccessSchema.parse(access)),
    );
  }

  #withSteps(row: OperationRow): OperationRecord {
    const steps = this.#all<StepRecord>(
      `SELECT step_id AS id, label, state, duration_ms AS durationMs, note FROM operation_steps
       WHERE operation_id = ? ORDER BY position`,
      row.id,
    );
    const { errorCode, errorMessage, ...rest } = row;
    const error = errorCode === null ? null : { code: errorCode, message: errorMessage ?? '' };
    return { ...rest, steps, error };
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#statement(sql).run(...values);
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- names the row's shape
  #get<Row>(sql: string, ...values: (string | number)[]): Row | undefined {
    return this.#all<Row>(sql, ...values)[0];
  }

  #all<Row>(sql: string, ...values: (string | number)[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }
}

function webrtcRecord({ access, ...row }: WebrtcRow): WebrtcRecord {
  const turnAccess = access === null ? NO_TURN_ACCESS : turnAccessSchema.parse(JSON.parse(access));
  return { ...row, turnAccess };
}

/** True for a violated constraint, of one kind when `code` is given. */
function isConstraint(error: unknown, code?: string): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return code === undefined ? error.code.startsWith('SQLITE_CONSTRAINT') : error.code === code;
}
