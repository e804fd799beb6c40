import { join } from 'node:path';
import t from 'tap';
import type { DeviceRecord, DeviceStore } from '../../cameras/system.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { SqliteDeviceStore } from '../../store/sqlite/device-store.ts';

function record(id: string, change: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    id,
    namespace: 'demo',
    name: `Camera ${id}`,
    owner: 'ada',
    secretHash: `hash-${id}`,
    secretPrefix: 'dev_AAAAAAAA',
    tunnelName: `device-${id}`,
    capture: { mode: 'on-demand', lingerSeconds: 10 },
    onlineSinceMs: null,
    lastSeenAtMs: null,
    createdAtMs: 1000,
    ...change,
  };
}

function open(t: { teardown(fn: () => void): void }, path = ':memory:') {
  const database = openDatabase(path);
  t.teardown(() => {
    if (database.open) database.close();
  });
  const store: DeviceStore = new SqliteDeviceStore(database);
  return { database, store };
}

t.test('what was written is there after the database was opened again', (t) => {
  const path = join(t.testdir(), 'turnkeep.db');
  const first = open(t, path);
  const full = record('a', {
    name: 'Türe "vorn" — 正門',
    capture: { mode: 'always' },
    onlineSinceMs: 1_700_000_000_001,
    lastSeenAtMs: 1_700_000_000_002,
  });
  first.store.insert(full);
  first.store.insert(record('b', { createdAtMs: 500 }));
  first.database.close();
  const second = open(t, path);
  t.same(second.store.list(), [record('b', { createdAtMs: 500 }), full], 'in order of creation');
  t.end();
});

t.test('duplicate names', (t) => {
  const { store } = open(t);
  store.insert(record('a', { name: 'Door' }));
  t.throws(
    () => {
      store.insert(record('b', { name: 'Door' }));
    },
    { code: 'device_exists', message: /"Door"/ },
  );
  store.insert(record('b', { name: 'Door', namespace: 'other' }));
  store.insert(record('c', { name: 'Gate' }));
  t.throws(
    () => {
      store.update('c', { name: 'Door' });
    },
    { code: 'device_exists' },
  );
  t.equal(store.list().length, 3);
  store.delete('a');
  store.update('c', { name: 'Door' });
  t.end();
});

t.test('updates change what they name and nothing else', (t) => {
  const { store } = open(t);
  store.insert(record('a', { onlineSinceMs: 5 }));
  store.insert(record('b'));
  const change = {
    name: 'Porch',
    owner: 'bob',
    secretHash: 'h2',
    secretPrefix: 'dev_BBBBBBBB',
    tunnelName: 'device-x',
    capture: { mode: 'on-demand', lingerSeconds: 0 },
    onlineSinceMs: null,
    lastSeenAtMs: 7,
  } as const;
  store.update('a', change);
  t.same(store.list()[0], { ...record('a'), ...change });
  t.same(store.list()[1], record('b'));
  store.update('a', {});
  store.update('nobody', { name: 'x' });
  t.same(store.list()[0], { ...record('a'), ...change });
  t.end();
});

t.test('a group of updates is written whole or not at all', (t) => {
  const { store } = open(t);
  store.insert(record('a', { name: 'A' }));
  store.insert(record('b', { name: 'B' }));
  store.updateMany([
    { id: 'a', change: { onlineSinceMs: 1 } },
    { id: 'gone', change: { onlineSinceMs: 1 } },
    { id: 'b', change: { onlineSinceMs: 2 } },
  ]);
  t.same(
    store.list().map((one) => one.onlineSinceMs),
    [1, 2],
  );
  t.throws(() => {
    store.updateMany([
      { id: 'a', change: { onlineSinceMs: 9 } },
      { id: 'b', change: { name: 'A' } },
    ]);
  });
  t.equal(store.list()[0]?.onlineSinceMs, 1);
  t.end();
});

t.test('a damaged row names itself', (t) => {
  const { store, database } = open(t);
  store.insert(record('a'));
  database.prepare("UPDATE devices SET capture = '{}'").run();
  t.throws(() => store.list(), { name: 'AdapterError', message: /camera a / });
  database.prepare("UPDATE devices SET capture = 'x'").run();
  t.throws(() => store.list(), { name: 'AdapterError', target: 'devices/a' });
  t.end();
});

t.test('the secret has no column', (t) => {
  const { database } = open(t);
  const columns = database.pragma('table_info(devices)') as { name: string }[];
  t.notOk(columns.some(({ name }) => name === 'secret'));
  t.end();
});
