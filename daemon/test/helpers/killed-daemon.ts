/**
 * The real daemon for a test that kills it at a chosen point of an operation. The point needs no help of the product:
 * a trigger in its database holds the write of one line of the journal for ever, and the daemon, which writes
 * synchronously, stands still right there until it is killed. What it had not committed is then not in the database.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { ApiClient } from '../../../cli/api-client.ts';
import type { Operation } from '../../contract/api.ts';
import { tempDir } from './temp-dir.ts';

/** The write that does not come about: the step is said to run, to be done or undone; or the operation ended. */
export type Cut = { step: string; state: 'running' | 'done' | 'undone' } | 'end';

const HELD_SAMPLES = 5;
const SAMPLE_MS = 20;
const LIMIT_MS = 120_000;

type Teardown = { teardown: (fn: () => void | Promise<void>) => unknown };

export class KilledDaemon {
  readonly dir: string;
  readonly api: ApiClient;
  readonly #configFile: string;
  #child: ChildProcess | undefined;
  #said = '';

  /** Not started. At the end of the test nothing of it runs any more, whatever happened. */
  constructor(t: Teardown, config: object) {
    this.dir = tempDir(t);
    this.#configFile = join(this.dir, 'turnkeep.yaml');
    // JSON is YAML.
    writeFileSync(this.#configFile, JSON.stringify({ dataDir: this.dir, ...config }));
    this.api = new ApiClient({ socketPath: join(this.dir, 'run/turnkeepd.sock') });
    t.teardown(async () => {
      await this.kill();
      for (const { pid } of this.services()) process.kill(pid, 'SIGKILL');
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What it said of itself, at most the end of it. */
  get said(): string {
    return this.#said;
  }

  /** Resolves when it is ready; rejects with its last words when it ends instead. */
  start(): Promise<void> {
    const child = this.spawn();
    return new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => {
        reject(new Error(`the daemon ended (${String(code ?? signal)}):\n${this.#said}`));
      });
      child.stdout?.on('data', () => {
        if (this.#said.includes('{"ready":true')) resolve();
      });
    });
  }

  /** Starts it without waiting: for a start that is to be killed. */
  spawn(): ChildProcess {
    this.#said = '';
    const child = spawn(process.execPath, ['daemon/turnkeepd.ts', '--config', this.#configFile], {
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      // Read to its end: a daemon whose words nobody takes would wait.
      stream.on('data', (text: Buffer) => (this.#said = (this.#said + text.toString()).slice(-16_000)));
    }
    return child;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** From now on the daemon stands still where it would write this for `namespace`. */
  hold(namespace: string, cut: Cut): void {
    const hang = 'BEGIN SELECT sum(n) FROM test_forever; END';
    const [table, when] =
      cut === 'end'
        ? ['operations', `NEW.state <> 'running' AND NEW.namespace = '${namespace}'`]
        : [
            'operation_steps',
            `NEW.step_id = '${cut.step}' AND NEW.state = '${cut.state}' AND EXISTS (SELECT 1 FROM operations
              WHERE id = NEW.operation_id AND namespace = '${namespace}' AND state = 'running')`,
          ];
    this.#withDatabase((database) => {
      database.exec(`
        CREATE VIEW test_forever (n) AS WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT 1 FROM c) SELECT n FROM c;
        CREATE TRIGGER test_hold BEFORE UPDATE ON ${table} WHEN ${when} ${hang};`);
    });
  }

  /** To be called while no daemon runs. */
  letGo(): void {
    this.#withDatabase((database) => {
      database.exec('DROP TRIGGER IF EXISTS test_hold; DROP VIEW IF EXISTS test_forever;');
    });
  }

  /**
   * Resolves when the daemon stands still in the held write: the line before it is written, and nobody else can write.
   * Between that line and the held one other writes of the daemon may come only while the step itself is at work.
   */
  async held(namespace: string, cut: Cut): Promise<void> {
    const deadline = Date.now() + LIMIT_MS;
    const database = new Database(join(this.dir, 'turnkeep.db'), { timeout: 0 });
    try {
      for (let busy = 0; busy < HELD_SAMPLES;) {
        await pause(SAMPLE_MS);
        busy = isNext(database, namespace, cut) && !canWrite(database) ? busy + 1 : 0;
        if (Date.now() > deadline) throw new Error(`the daemon never came to the held write:\n${this.#said}`);
      }
    } finally {
      database.close();
    }
  }

  /** The newest operation on the namespace as it stands in the journal, the steps that are not pending. */
  journal(namespace: string): { kind: string; state: string; steps: string[] } | undefined {
    return this.#withDatabase((database) => {
      const operation = database
        .prepare('SELECT id, kind, state FROM operations WHERE namespace = ? ORDER BY rowid DESC LIMIT 1')
        .get(namespace) as { id: string; kind: string; state: string } | undefined;
      if (operation === undefined) return undefined;
      const steps = database
        .prepare(
          `SELECT step_id || ' ' || state AS text FROM operation_steps
           WHERE operation_id = ? AND state <> 'pending' ORDER BY position`,
        )
        .all(operation.id) as { text: string }[];
      return { kind: operation.kind, state: operation.state, steps: steps.map(({ text }) => text) };
    });
  }

  /** All rows of a table. */
  rows(table: string): Record<string, unknown>[] {
    return this.#withDatabase(
      (database) => database.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[],
    );
  }

  /** Every process of this host that runs as a service of this daemon: `turn-demo`. */
  services(): { name: string; pid: number }[] {
    return readdirSync('/proc').flatMap((entry) => {
      if (!/^[0-9]+$/.test(entry)) return [];
      const folder = `${this.dir}/services/`;
      const path = commandLine(entry).find((argument) => argument.startsWith(folder));
      return path === undefined
        ? []
        : [{ name: path.slice(folder.length, -'.json'.length), pid: Number(entry) }];
    });
  }

  #withDatabase<Result>(act: (database: Database.Database) => Result): Result {
    const database = new Database(join(this.dir, 'turnkeep.db'), { timeout: 10_000 });
    try {
      return act(database);
    } finally {
      database.close();
    }
  }
}

/** Resolves with the operation when it has ended. */
export async function operationEnd(api: ApiClient, id: string): Promise<Operation> {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const operation = await api.get<Operation>(`/v1/operations/${id}`);
    if (operation.state !== 'running') return operation;
    if (Date.now() > deadline) throw new Error(`it does not end: ${JSON.stringify(operation)}`);
    await pause(50);
  }
}

/** True when what the cut holds is what the daemon writes next. */
function isNext(database: Database.Database, namespace: string, cut: Cut): boolean {
  const steps = database
    .prepare(
      `SELECT step_id AS id, state FROM operation_steps WHERE operation_id =
       (SELECT id FROM operations WHERE namespace = ? AND state = 'running') ORDER BY position`,
    )
    .all(namespace) as { id: string; state: string }[];
  if (steps.length === 0) return false;
  if (cut === 'end') return steps.every(({ state }) => state === 'done');
  const at = steps.findIndex(({ id }) => id === cut.step);
  if (cut.state === 'done') return steps[at]?.state === 'running';
  if (cut.state === 'undone')
    return steps.slice(at + 1).every(({ state }) => state !== 'done' && state !== 'running');
  return steps[at]?.state === 'pending' && steps.slice(0, at).every(({ state }) => state === 'done');
}

function canWrite(database: Database.Database): boolean {
  try {
    database.exec('BEGIN IMMEDIATE; ROLLBACK');
    return true;
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true) return false;
    throw error;
  }
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // It has ended meanwhile.
  }
}
