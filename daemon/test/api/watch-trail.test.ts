/** Who watched which camera: from what SFUs tell to lines of the audit, over restarts of either side. */
import t, { type Test } from 'tap';
import { WatchTrail } from '../../api/watch-trail.ts';
import type { SfuDirectory } from '../../cameras/system.ts';
import type { Watch } from '../../contract/control.ts';
import { Audit } from '../../identity/audit.ts';
import { SqliteAuditStore } from '../../store/sqlite/audit-store.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { silentLog } from '../helpers/silent-log.ts';

type Listener = Parameters<SfuDirectory['watch']>[0];

function world(t: Test) {
  const database = openDatabase(':memory:');
  t.teardown(() => database.close());
  const clock = new FakeClock();
  const audit = new Audit({ store: new SqliteAuditStore(database), key: Buffer.alloc(32), clock });
  const listeners = new Set<Listener>();
  const state = { watches: [] as Watch[], there: false };
  const sfus = {
    sfu: () => (state.there ? { call: () => Promise.resolve({ watches: state.watches }) } : undefined),
    watch: (listener: Listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as SfuDirectory;
  const start = (): WatchTrail => new WatchTrail({ audit, sfus, namespaces: ['a'], log: silentLog });
  const emit: Listener = (event) => listeners.forEach((listener) => listener(event));
  const tell = (data: Watch): void => emit({ type: 'event', namespace: 'a', event: { name: 'watch', data } });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const connect = async (watches: Watch[]): Promise<void> => {
    Object.assign(state, { watches, there: true });
    emit({ type: 'connected', namespace: 'a' });
    await settle();
  };
  const lines = (): string[] =>
    audit
      .list({ limit: 100 })
      .items.reverse()
      .map(({ actor, action, namespace, subject, detail }) =>
        [actor, action, namespace, subject, detail['from'], detail['to'] ?? '-'].join(' '),
      );
  return { state, start, tell, connect, settle, lines };
}

const AT = Date.parse('2026-01-01T10:00:00.000Z');
const watch = (watchId: string, untilMs: number | null = null): Watch => ({
  watchId,
  roomId: 'camera:7',
  identity: 'alice',
  sinceMs: AT,
  untilMs,
});
const BEGAN = 'alice camera.watch a 7 2026-01-01T10:00:00.000Z -';
const OVER = 'alice camera.watched a 7 2026-01-01T10:00:00.000Z 2026-01-01T10:01:00.000Z';

t.test('from when to when, as it is told', async (t) => {
  const { start, tell, connect, lines } = world(t);
  const trail = start();
  await connect([]);
  tell(watch('w1'));
  t.strictSame(lines(), [BEGAN]);
  tell(watch('w1', AT + 60_000));
  tell(watch('w1', AT + 60_000));
  t.strictSame(lines(), [BEGAN, OVER], 'once');
  trail.close();
  tell(watch('w2'));
  t.equal(lines().length, 2);
});

t.test('a daemon that was away asks, and writes nothing twice', async (t) => {
  const { state, start, tell, connect, settle, lines } = world(t);
  const first = start();
  await connect([]);
  tell(watch('w1'));
  first.close();

  Object.assign(state, { watches: [watch('w1', AT + 60_000), watch('w2', AT + 60_000), watch('w3')] });
  const second = start();
  await settle();
  t.strictSame(lines(), [BEGAN, OVER, BEGAN, OVER, BEGAN]);
  await connect(state.watches);
  t.equal(lines().length, 5);
  second.close();
});

t.test('a watch whose SFU is gone has ended at a time that nobody knows', async (t) => {
  const { start, tell, connect, lines } = world(t);
  const trail = start();
  await connect([]);
  tell(watch('w1'));
  await connect([]);
  t.strictSame(lines(), [BEGAN, 'alice camera.watched a 7 2026-01-01T10:00:00.000Z -']);
  trail.close();
});
