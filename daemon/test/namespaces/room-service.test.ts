/** Rooms as the daemon keeps them: rows that say who serves which, through events, losses and restarts. */
import t, { type Test } from 'tap';
import { AppError } from '../../contract/errors.ts';
import { roomSettingsSchema, type Room, type RoomSettings } from '../../contract/rooms.ts';
import type { SfuLinkEvent } from '../../namespaces/control-links.ts';
import { RoomService } from '../../namespaces/room-service.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { SqliteNamespaceStore } from '../../store/sqlite/namespace-store.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { silentLog } from '../helpers/silent-log.ts';

/** The SFU of `demo`: rooms without anybody in them. */
class HandSfu {
  rooms = new Map<string, RoomSettings | null>();
  onList: () => void = () => undefined;
  pid = 1;
  moderation: object[] = [];
  readonly restored: object[] = [];
  call(method: string, params: { roomId?: string } & Partial<RoomSettings>): Promise<unknown> {
    const { roomId = '', ...settings } = params;
    if (method === 'hello') return Promise.resolve({ pid: this.pid, startedAtMs: 1 });
    if (method === 'moderation.list') return Promise.resolve({ entries: this.moderation });
    if (method === 'moderation.restore') {
      this.restored.push(params);
      return Promise.resolve({});
    }
    if (method === 'rooms.list') {
      const rooms = [...this.rooms.keys()].map((id) => this.#room(id));
      this.onList();
      return Promise.resolve({ rooms });
    }
    if (method === 'rooms.create') {
      if (this.rooms.has(roomId)) return Promise.reject(new AppError('room_exists', 'It is there.'));
      this.rooms.set(roomId, roomSettingsSchema.parse(settings));
    } else if (!this.rooms.has(roomId)) return Promise.reject(new AppError('room_not_found', 'No room.'));
    if (method === 'rooms.close') this.rooms.delete(roomId);
    return Promise.resolve(this.#room(roomId));
  }
  #room(roomId: string): Room {
    const settings = this.rooms.get(roomId) ?? null;
    return {
      roomId,
      createdAtMs: 1,
      settings,
      emptySinceMs: 1,
      sourceLost: null,
      speaker: null,
      participants: [],
    };
  }
}

function bench(t: Test) {
  const database = openDatabase(':memory:');
  t.teardown(() => database.close());
  const store = new SqliteNamespaceStore(database);
  store.insertNamespace({ name: 'demo', createdAtMs: 1 });
  store.insertWebrtcConfig({
    ...{ namespace: 'demo', state: 'enabled', sealedTurnSecret: 's', sealedTicketKey: 'k' },
    ...{ ttlSeconds: 600, relayScope: 'sfu', domain: null, createdAtMs: 1 },
    turnAccess: { revision: 0, secrets: [], revoked: [], keys: [] } as never,
  });
  const sfu = new HandSfu();
  const link: { sfu: HandSfu | undefined; tell: (event: SfuLinkEvent) => void } = {
    sfu,
    tell: () => undefined,
  };
  const rooms = new RoomService({
    ...{ node: 'local', store, clock: new FakeClock(), log: silentLog, controlTimeoutMs: 1000 },
    requireEnabled: () => undefined,
    turn: { refusals: () => Promise.resolve({ items: [] }) },
    links: {
      sfu: () => link.sfu as never,
      watch: (listener) => {
        link.tell = listener;
        return () => undefined;
      },
    },
  });
  rooms.start();
  const event = (roomId: string, state: 'opened' | 'closed'): void => {
    link.tell({ type: 'event', namespace: 'demo', event: { name: 'room', data: { roomId, state } } });
  };
  const connected = async (): Promise<void> => {
    link.tell({ type: 'connected', namespace: 'demo' });
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const rows = (): string[] => store.roomAffinities('demo').map(({ roomId, node }) => `${roomId} ${node}`);
  return { store, sfu, link, rooms, event, connected, rows };
}

t.test('a row for each open room, and none for one that is gone', async (t) => {
  const { rooms, event, rows, sfu } = bench(t);
  sfu.rooms.set('one', null);
  event('one', 'opened');
  t.match(await rooms.create('demo', 'two', roomSettingsSchema.parse({})), {
    node: 'local',
    namespace: 'demo',
  });
  t.same(rows(), ['one local', 'two local']);
  t.match(await rooms.list('demo', { limit: 1 }), { rooms: [{ roomId: 'one' }], total: 2, next: 'one' });
  t.match(await rooms.list('demo', { limit: 1, after: 'one' }), { rooms: [{ roomId: 'two' }], next: null });
  event('one', 'closed');
  await rooms.close('demo', 'two');
  t.same(rows(), []);
  await t.rejects(rooms.get('demo', 'two'), { code: 'room_not_found' });
});

t.test('another SFU process: what was made on purpose is made again, the rest is forgotten', async (t) => {
  const { rooms, event, rows, sfu, connected } = bench(t);
  event('implicit', 'opened');
  await rooms.create('demo', 'kept', { emptyTimeoutSeconds: null, maxParticipants: 7 });
  event('kept', 'opened');
  sfu.rooms.clear();
  sfu.rooms.set('new', null);
  await connected();
  t.same(rows(), ['kept local', 'new local']);
  t.same(sfu.rooms.get('kept'), { emptyTimeoutSeconds: null, maxParticipants: 7 });
  sfu.onList = () => {
    event('late', 'opened');
    event('new', 'closed');
  };
  await connected();
  t.same(rows(), ['kept local', 'late local'], 'what is told while the list is under way is newer');
});

t.test('a room of another node is said to be there', async (t) => {
  const { rooms, store, connected, rows } = bench(t);
  store.setRoomAffinity({ namespace: 'demo', roomId: 'far', node: 'other', updatedAtMs: 1 });
  t.throws(() => rooms.requireHere('demo', 'far'), { code: 'unavailable', message: /node "other"/ });
  await t.rejects(rooms.create('demo', 'far', roomSettingsSchema.parse({})), { code: 'unavailable' });
  rooms.requireHere('demo', 'near');
  await connected();
  t.same(rows(), ['far other'], 'and its row is left alone');
});

t.test('an SFU that is away', async (t) => {
  const { rooms, link } = bench(t);
  link.sfu = undefined;
  await t.rejects(rooms.list('demo', { limit: 5 }), { code: 'unavailable', message: /SFU of demo/ });
});

t.test('bans and mutes go to the next SFU process as its rooms open', async (t) => {
  const { event, sfu, link, connected } = bench(t);
  const entry = (identity: string, change: object = {}) => ({
    ...{ roomId: 'one', identity, ban: null, muted: [] as 'audio'[] },
    ...change,
  });
  const say = (data: ReturnType<typeof entry>): void => {
    link.tell({ type: 'event', namespace: 'demo', event: { name: 'moderation', data } });
  };
  sfu.moderation = [entry('of before', { muted: ['audio'] })];
  await connected();
  const ban = { untilMs: 9_999_999_999_999, reason: 'Noise.' };
  say(entry('ada', { ban }));
  say(entry('bob', { muted: ['audio'] }));
  say(entry('bob'));
  say(entry('late', { ban: { untilMs: 0, reason: 'Over.' } }));
  say(entry('else', { roomId: 'two', muted: ['audio'] }));
  t.same(sfu.restored, [], 'the process that said it knows it');
  sfu.pid = 2;
  sfu.moderation = [];
  await connected();
  event('one', 'opened');
  const entries = [
    { identity: 'of before', ban: null, muted: ['audio'] },
    { identity: 'ada', ban, muted: [] },
  ];
  t.same(sfu.restored, [{ roomId: 'one', entries }]);
  event('one', 'closed');
  event('one', 'opened');
  t.same(sfu.restored.slice(1), [{ roomId: 'one', entries: [entries[1]] }], 'mutes end with the room');
});
