/** A database of before keeps what is in it when the schema grows. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { pendingSteps } from '../../namespaces/saga.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { namespacesMigration } from '../../store/sqlite/migrations/0001-namespaces.ts';
import { devicesMigration } from '../../store/sqlite/migrations/0002-devices.ts';
import { identityMigration } from '../../store/sqlite/migrations/0003-identity.ts';
import { SqliteNamespaceStore } from '../../store/sqlite/namespace-store.ts';
import { tempDir } from '../helpers/temp-dir.ts';

t.test('the journal and the namespaces of schema 3', (t) => {
  const path = join(tempDir(t), 'turnkeep.db');
  const old = new Database(path);
  for (const { sql } of [namespacesMigration, devicesMigration, identityMigration]) old.exec(sql);
  old.pragma('user_version = 3');
  old.exec(`
    INSERT INTO namespaces VALUES ('demo', 1);
    INSERT INTO webrtc_configs VALUES ('demo', 'enabled', 'v1.a', 'v1.b', 600, 'sfu', NULL, 5);
    INSERT INTO operations VALUES ('op-2', 'disable-webrtc', 'demo', 'failed', 1, 2, 'operation_failed', 'why');
    INSERT INTO operations VALUES ('op-1', 'enable-webrtc', 'demo', 'running', 1, NULL, NULL, NULL);
    INSERT INTO operation_steps VALUES ('op-1', 0, 'make-secrets', 'Make the secrets', 'done', 3, 'note');
  `);
  old.close();

  const database = openDatabase(path);
  t.teardown(() => database.close());
  const store = new SqliteNamespaceStore(database);
  t.match(store.webrtcConfigs(), [
    { namespace: 'demo', sealedTurnSecret: 'v1.a', turnAccess: { revision: 0, secrets: [], revoked: [] } },
  ]);
  t.match(store.operations(10), [
    { id: 'op-1', state: 'running', steps: [{ id: 'make-secrets', note: 'note' }] },
    { id: 'op-2', error: { code: 'operation_failed' } },
  ]);
  const rotation = {
    id: 'op-3',
    kind: 'rotate-turn-secret' as const,
    namespace: 'demo',
    state: 'running' as const,
    startedAtMs: 3,
    endedAtMs: null,
    steps: pendingSteps('rotate-turn-secret'),
    error: null,
  };
  t.throws(
    () => store.insertOperation(rotation),
    { code: 'operation_in_progress' },
    'one at a time, as before',
  );
  store.finishOperation('op-1', { state: 'succeeded', endedAtMs: 3, error: null });
  store.insertOperation(rotation);
  t.match(store.runningOperations(), [{ id: 'op-3', steps: { length: rotation.steps.length } }]);

  store.setTurnKeys('demo', {
    sealedTurnSecret: 'v1.c',
    turnAccess: { ...store.webrtcConfig('demo')!.turnAccess, secrets: [{ sealed: 'v1.a', untilMs: 9 }] },
  });
  t.match(store.webrtcConfig('demo'), {
    sealedTurnSecret: 'v1.c',
    turnAccess: { revision: 1, secrets: [{ sealed: 'v1.a', untilMs: 9 }] },
  });
  t.same(database.pragma('foreign_key_check'), []);
  t.end();
});
