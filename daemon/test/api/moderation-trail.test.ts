/** What moderators do over their sockets, as lines of the audit. */
import t from 'tap';
import { ModerationTrail } from '../../api/moderation-trail.ts';
import type { SfuDirectory } from '../../cameras/system.ts';
import { Audit } from '../../identity/audit.ts';
import { SqliteAuditStore } from '../../store/sqlite/audit-store.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { silentLog } from '../helpers/silent-log.ts';

t.test('each is a line, and one moderator does not fill the audit', (t) => {
  const database = openDatabase(':memory:');
  t.teardown(() => database.close());
  const clock = new FakeClock();
  const audit = new Audit({ store: new SqliteAuditStore(database), key: Buffer.alloc(32), clock });
  const listeners = new Set<Parameters<SfuDirectory['watch']>[0]>();
  const watch: SfuDirectory['watch'] = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const trail = new ModerationTrail({ audit, sfus: { watch }, log: silentLog });
  const detail = { participantId: 'p_1', identity: 'bob', reason: 'Enough.', forSeconds: 60 };
  const kick = { action: 'kick' as const, roomId: 'lobby', actor: 'ada', detail };
  const tell = (): void =>
    listeners.forEach((listener) => {
      listener({ type: 'event', namespace: 'a', event: { name: 'moderated', data: kick } });
    });
  tell();
  const { items } = audit.list({ limit: 10 });
  t.match(items, [
    {
      actor: 'ada',
      action: 'room.kick',
      namespace: 'a',
      subject: 'lobby',
      detail: { ...detail, by: 'signaling' },
    },
  ]);
  for (let number = 0; number < 200; number += 1) tell();
  t.ok(audit.list({ limit: 500 }).items.length <= 60);
  clock.advance(10_000);
  tell();
  t.match(
    audit.list({ limit: 1 }).items,
    [{ detail: { leftOutBefore: 141 } }],
    'what was left out is counted',
  );
  trail.close();
  t.equal(listeners.size, 0);
  t.end();
});
