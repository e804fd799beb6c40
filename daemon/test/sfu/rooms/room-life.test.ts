/** How rooms come and go: who may make one, how long an empty one is kept, and the caps. */
import t from 'tap';
import { DEFAULT_ROOM_POLICY, roomSettingsSchema, type RoomPolicy } from '../../../contract/rooms.ts';
import { DEFAULT_SFU_LIMITS } from '../../../contract/sfu-config.ts';
import type { TrackInfo } from '../../../contract/signaling.ts';
import type { Who } from '../../../sfu/rooms/rights.ts';
import type { RoomEffect } from '../../../sfu/rooms/room-effects.ts';
import { Rooms } from '../../../sfu/rooms/rooms.ts';

const PUBLISHER: Who = { identity: 'ada', name: 'Ada', role: 'publisher', rooms: null };
const VIEWER: Who = { ...PUBLISHER, identity: 'vic', role: 'viewer' };

function bench(policy: Partial<RoomPolicy> = {}, limits: Partial<typeof DEFAULT_SFU_LIMITS> = {}) {
  let next = 1;
  const rooms = new Rooms({
    limits: { ...DEFAULT_SFU_LIMITS, ...limits },
    policy: { ...DEFAULT_ROOM_POLICY, ...policy },
    newId: () => `p${next++}`,
  });
  const join = (sessionId: string, roomId: string, who = PUBLISHER, nowMs = 0) =>
    rooms.participants.join({ sessionId, who }, { roomId, subscribe: 'auto' }, nowMs);
  return { rooms, join };
}
const told = (effects: RoomEffect[]): string[] =>
  effects.flatMap((one) => (one.type === 'room' ? [`${one.roomId} ${one.state}`] : []));
const track = (trackId: string, participantId: string): TrackInfo => ({
  ...{ trackId, roomId: 'r', participantId, identity: 'ada', kind: 'video', source: 'camera' },
  ...{ mimeType: 'video/VP8', fmtp: '', muted: false },
});

t.test('who may make a room by going there is the policy of the namespace', (t) => {
  const answers: Record<string, string[]> = {};
  for (const creation of ['join', 'publish', 'api'] as const) {
    answers[creation] = [VIEWER, PUBLISHER].map((who) => {
      const { join } = bench({ creation });
      try {
        return told(join('a', 'r', who)).join();
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    const { rooms, join } = bench({ creation });
    t.same(told(join('a', 'camera:1', VIEWER)), ['camera:1 opened'], 'a camera is started by its viewers');
    const ingest = rooms.participants.joinIngest('camera:2', { identity: 'cam', name: 'cam' }, 0);
    t.same(told(ingest.effects), ['camera:2 opened']);
    rooms.create('made', roomSettingsSchema.parse({}), 0);
    t.same(told(join('b', 'made', VIEWER)), [], 'one that is there is entered by anybody');
  }
  t.same(answers, {
    join: ['r opened', 'r opened'],
    publish: ['room_not_found', 'r opened'],
    api: ['room_not_found', 'room_not_found'],
  });
  t.end();
});

t.test('an empty room is kept as long as it was made for', (t) => {
  const { rooms, join } = bench({ emptyTimeoutSeconds: 60 });
  t.same(told(rooms.create('short', { emptyTimeoutSeconds: 10, maxParticipants: null }, 0)), [
    'short opened',
  ]);
  rooms.create('kept', { emptyTimeoutSeconds: null, maxParticipants: null }, 0);
  join('a', 'implicit');
  rooms.participants.leave('a', 'implicit', 0);
  t.throws(() => rooms.create('kept', roomSettingsSchema.parse({}), 0), { code: 'room_exists' });
  t.same(told(rooms.sweep(9999)), []);
  t.same(told(rooms.sweep(10_000)), ['short closed']);
  t.same(told(rooms.sweep(59_999)), []);
  join('b', 'implicit', PUBLISHER, 59_999);
  t.same(told(rooms.sweep(60_000)), [], 'whoever comes back in the last moment keeps it');
  rooms.participants.leave('b', 'implicit', 70_000);
  t.same(told(rooms.sweep(129_999)), [], 'an earlier emptiness does not count');
  t.same(told(rooms.sweep(130_000)), ['implicit closed']);
  t.same(told(rooms.sweep(1e12)), []);
  t.same(told(rooms.close('kept', 'over')), ['kept closed']);
  t.end();
});

t.test('caps: participants of one room, publishers of a room, rooms', (t) => {
  const { rooms, join } = bench({}, { publishersPerRoom: 2, rooms: 2 });
  rooms.create('r', { emptyTimeoutSeconds: null, maxParticipants: 3 }, 0);
  for (const sessionId of ['a', 'b', 'c']) join(sessionId, 'r');
  t.throws(() => join('d', 'r'), { code: 'room_full' });
  const publish = (sessionId: string, trackId: string) => {
    const { participantId } = rooms.tracks.publisher({ sessionId, who: PUBLISHER }, 'r');
    return rooms.tracks.publish(track(trackId, participantId));
  };
  publish('a', 't1');
  publish('b', 't2');
  publish('b', 't3');
  t.throws(() => publish('c', 't4'), { code: 'publisher_limit' });
  rooms.tracks.unpublish('t1');
  publish('c', 't4');
  rooms.create('other', roomSettingsSchema.parse({}), 0);
  t.throws(() => rooms.create('third', roomSettingsSchema.parse({}), 0), { code: 'room_limit' });
  t.same(
    told(join('x', 'third', PUBLISHER, 300_000)),
    ['other closed', 'third opened'],
    'an over one makes room',
  );
  t.end();
});

t.test('a room that is refused ends none of those that are over', (t) => {
  const { rooms, join } = bench({ emptyTimeoutSeconds: 10 }, { rooms: 3 });
  for (const roomId of ['over', 'held', 'held too']) join(`in ${roomId}`, roomId);
  rooms.participants.leave('in over', 'over', 0);
  rooms.setLimits({ ...DEFAULT_SFU_LIMITS, rooms: 2 });
  t.throws(() => join('a', 'another', PUBLISHER, 20_000), { code: 'room_limit' });
  t.same(told(rooms.sweep(20_000)), ['over closed'], 'its end is still told');
  t.end();
});
