import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { NO_TURN_ACCESS } from '../../contract/turn-access.ts';
import { DEFAULT_PORT_PLAN, claimPorts } from '../../namespaces/port-ledger.ts';
import { pendingSteps } from '../../namespaces/saga.ts';
import type { OperationRecord, PortClaim, WebrtcRecord } from '../../namespaces/system.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { namespacesMigration } from '../../store/sqlite/migrations/0001-namespaces.ts';
import { devicesMigration } from '../../store/sqlite/migrations/0002-devices.ts';
import { identityMigration } from '../../store/sqlite/migrations/0003-identity.ts';
import { turnAccessMigration } from '../../store/sqlite/migrations/0004-turn-access.ts';
import { SqliteNamespaceStore } from '../../store/sqlite/namespace-store.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const open = (t: Test, path = ':memory:'): SqliteNamespaceStore => {
  const database = openDatabase(path);
  t.teardown(() => database.close());
  return new SqliteNamespaceStore(database);
};
const withNamespaces = (t: Test, ...names: string[]): SqliteNamespaceStore => {
  const store = open(t);
  for (const name of names) store.insertNamespace({ name, createdAtMs: 1 });
  return store;
};
const config = (namespace: string): WebrtcRecord => ({
  namespace,
  state: 'enabling',
  sealedTurnSecret: 'v1.a',
  turnAccess: NO_TURN_ACCESS,
  sealedTicketKey: 'v1.b',
  ttlSeconds: 600,
  relayScope: 'sfu',
  domain: null,
  createdAtMs: 5,
});
const claim = (namespace: string, claims: PortClaim[] = []): PortClaim =>
  claimPorts(claims, DEFAULT_PORT_PLAN, { node: 'local', namespace });
const operation = (id: string, namespace: string, startedAtMs = 1): OperationRecord => ({
  id,
  kind: 'enable-webrtc',
  namespace,
  state: 'running',
  startedAtMs,
  endedAtMs: null,
  steps: pendingSteps('enable-webrtc'),
  error: null,
});

t.test('namespaces: a second of the same name is refused, one in use is not deleted', (t) => {
  const store = withNamespaces(t, 'demo');
  t.throws(() => store.insertNamespace({ name: 'demo', createdAtMs: 2 }), { code: 'namespace_exists' });
  store.insertWebrtcConfig(config('demo'));
  t.throws(() => store.deleteNamespace('demo'), { code: 'namespace_in_use' });
  store.setRoomAffinity({ namespace: 'demo', roomId: 'camera:1', node: 'local', updatedAtMs: 1 });
  store.setRoomAffinity({ namespace: 'demo', roomId: 'camera:1', node: 'local', updatedAtMs: 2 });
  t.match(store.roomAffinities('demo'), [{ updatedAtMs: 2 }]);
  store.deleteWebrtcConfig('demo');
  t.same(store.roomAffinities('demo'), []);
  store.deleteNamespace('demo');
  t.same(store.namespaces(), []);
  t.end();
});

t.test('a database of before public relays keeps its namespaces, and takes public ones', (t) => {
  const path = join(tempDir(t), 'old.db');
  const old = new Database(path);
  for (const { sql } of [namespacesMigration, devicesMigration, identityMigration, turnAccessMigration]) {
    old.exec(sql);
  }
  old.exec(`PRAGMA user_version = 4;
    INSERT INTO namespaces VALUES ('demo', 1), ('open', 1);
    INSERT INTO webrtc_configs VALUES ('demo', 'enabled', 's', 'k', 600, 'sfu', NULL, 5);`);
  old.close();
  const store = open(t, path);
  store.insertWebrtcConfig({ ...config('open'), relayScope: 'public' });
  t.match(store.webrtcConfigs(), [
    { namespace: 'demo', relayScope: 'sfu', state: 'enabled', ttlSeconds: 600, domain: null, createdAtMs: 5 },
    { namespace: 'open', relayScope: 'public' },
  ]);
  t.end();
});

t.test('configurations keep their sealed secrets and their state', (t) => {
  const store = withNamespaces(t, 'demo');
  store.insertWebrtcConfig(config('demo'));
  t.same(store.webrtcConfig('demo'), config('demo'));
  t.throws(() => store.insertWebrtcConfig(config('demo')), { code: 'webrtc_already_enabled' });
  store.setWebrtcState('demo', 'enabled');
  t.same(store.webrtcConfigs(), [{ ...config('demo'), state: 'enabled' }]);
  t.throws(() => store.insertWebrtcConfig({ ...config('x'), sealedTurnSecret: '' }));
  t.end();
});

t.test('each start port belongs to one namespace of a node, whatever the ledger says', (t) => {
  const store = withNamespaces(t, 'a', 'b');
  const first = claim('a');
  const second = claim('b', [first]);
  store.insertPortClaim(first);
  t.throws(() => store.insertPortClaim(first), { code: 'port_taken' });
  const columns = ['sfuSignaling', 'sfuMedia', 'turnRelay', 'turn', 'turns'] as const;
  for (const column of columns) {
    const blocks = { ...second.blocks, [column]: first.blocks[column] };
    t.throws(() => store.insertPortClaim({ ...second, blocks }), { code: 'port_taken' }, column);
  }
  store.insertPortClaim(second);
  store.insertPortClaim({ ...first, node: 'other' });
  t.same(store.portClaims(), [first, second, { ...first, node: 'other' }]);
  t.throws(() => store.insertPortClaim({ ...second, node: 'x', blocks: { ...second.blocks, turn: 0 } }));
  store.deletePortClaim('local', 'a');
  t.equal(store.portClaims().length, 2);
  t.end();
});

t.test('two operations on one namespace race and one wins', (t) => {
  const store = withNamespaces(t, 'a', 'b');
  store.insertOperation(operation('1', 'a'));
  t.throws(() => store.insertOperation(operation('2', 'a')), { code: 'operation_in_progress' });
  store.insertOperation(operation('3', 'b'));
  store.finishOperation('1', { state: 'failed', endedAtMs: 9, error: { code: 'internal', message: 'm' } });
  store.insertOperation(operation('4', 'a', 7));
  t.match(store.operation('1'), { state: 'failed', endedAtMs: 9, error: { code: 'internal' } });
  t.same(
    store.runningOperations().map((one) => one.id),
    ['3', '4'],
  );
  t.equal(store.operation('2'), undefined, 'the loser left nothing');
  t.end();
});

t.test('the journal survives a restart of the program', (t) => {
  const path = `${t.testdir()}/db.sqlite`;
  const store = open(t, path);
  store.insertOperation(operation('1', 'a'));
  const [step] = pendingSteps('enable-webrtc');
  store.updateStep('1', { ...step!, state: 'done', durationMs: 12, note: 'well' });
  store.setStateGeneration('local', 4);
  store.setStateGeneration('local', 5);
  const again = open(t, path);
  const [found] = again.runningOperations();
  t.same(found!.steps[0], { ...step, state: 'done', durationMs: 12, note: 'well' });
  t.same(found!.steps.slice(1), pendingSteps('enable-webrtc').slice(1));
  t.equal(again.stateGeneration('local'), 5);
  t.equal(again.stateGeneration('other'), 0);
  t.end();
});

t.test('old operations are forgotten, running ones never', (t) => {
  const store = withNamespaces(t, 'a', 'b');
  store.insertOperation(operation('kept', 'b', 0));
  for (let at = 1; at <= 230; at += 1) {
    store.insertOperation(operation(`op-${at}`, 'a', at));
    store.finishOperation(`op-${at}`, { state: 'succeeded', endedAtMs: at, error: null });
  }
  t.ok(store.operations(1000).length <= 202);
  t.ok(store.operation('kept'));
  t.equal(store.operations(1)[0]!.id, 'op-230');
  t.end();
});

t.test('ledger and constraints agree: what the ledger hands out, the database takes', (t) => {
  const names = Array.from({ length: 20 }, (_, at) => `n${at}`);
  const store = withNamespaces(t, ...names);
  fc.assert(
    fc.property(fc.shuffledSubarray(names), fc.shuffledSubarray(names), (claimed, released) => {
      for (const name of claimed) {
        const found = claim(name, store.portClaims());
        if (!store.portClaims().some((one) => one.namespace === name)) store.insertPortClaim(found);
      }
      for (const name of released) store.deletePortClaim('local', name);
    }),
    { numRuns: 30 },
  );
  t.ok(store.portClaims().length <= 20);
  t.end();
});
