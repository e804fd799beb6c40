/** Rooms as pure state: rights, limits, who is given what, demand, and the life of empty rooms. */
import fc from 'fast-check';
import t from 'tap';
import { AppError } from '../../../contract/errors.ts';
import type { TrackInfo } from '../../../contract/signaling.ts';
import { demandOf, wants } from '../../../sfu/rooms/room.ts';
import type { Who } from '../../../sfu/rooms/rights.ts';
import type { RoomEffect } from '../../../sfu/rooms/room-effects.ts';
import { Rooms } from '../../../sfu/rooms/rooms.ts';

const LIMITS = {
  ...{ rooms: 4, participantsPerRoom: 4, tracksPerParticipant: 2, publishersPerRoom: 3 },
  subscriptionsPerSession: 3,
};
const EMPTY_ROOM_TIMEOUT_MS = 60_000;
const PUBLISHER: Who = { identity: 'ada', name: 'Ada', role: 'publisher', rooms: null };
const VIEWER: Who = { ...PUBLISHER, role: 'viewer' };

function bench(limits = LIMITS) {
  let next = 1;
  const rooms = new Rooms({ limits, newId: () => `p${next++}` });
  const join = (sessionId: string, roomId: string, subscribe: 'auto' | 'none' = 'auto', who = PUBLISHER) =>
    rooms.participants.join({ sessionId, who }, { roomId, subscribe }, 0);
  const publish = (sessionId: string, roomId: string, trackId: string): RoomEffect[] => {
    const { participantId } = rooms.tracks.publisher({ sessionId, who: PUBLISHER }, roomId);
    return rooms.tracks.publish(track(trackId, roomId, participantId));
  };
  return { rooms, join, publish };
}

function track(trackId: string, roomId: string, participantId: string): TrackInfo {
  const mimeType = 'video/VP8';
  return {
    ...{ trackId, roomId, participantId, identity: 'ada', kind: 'video', source: 'camera' },
    ...{ mimeType, fmtp: '', muted: false },
  };
}
const codeOf = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    return (error as AppError).code;
  }
  return 'nothing';
};
const watches = (effects: RoomEffect[]): string[] =>
  effects.flatMap((one) => (one.type === 'watch' ? [`${one.sessionId} ${one.trackId}`] : []));
const frames = (effects: RoomEffect[], type: string): string[] =>
  effects.flatMap((one) => (one.type === 'frame' && one.frame.type === type ? [one.sessionId] : []));

t.test('joining tells the others, welcomes the new one and gives it the tracks', (t) => {
  const { join, publish } = bench();
  join('a', 'r');
  publish('a', 'r', 't1');
  const effects = join('b', 'r');
  t.same(frames(effects, 'peer-joined'), ['a']);
  t.same(frames(effects, 'welcome'), ['b']);
  t.same(watches(effects), ['b t1']);
  t.same(
    effects.find((one) => one.type === 'demand'),
    { type: 'demand', roomId: 'r', subscribers: 2 },
  );
  t.same(watches(publish('b', 'r', 't2')), ['a t2'], 'nobody is given its own track');
  t.end();
});

t.test('a credential opens its rooms only, and a viewer may not publish', (t) => {
  const { rooms, join } = bench();
  const guest: Who = { ...VIEWER, rooms: ['lobby'] };
  t.equal(
    codeOf(() => join('a', 'vault', 'auto', guest)),
    'forbidden',
  );
  t.equal(rooms.size, 0, 'a refused join makes no room');
  join('a', 'lobby', 'auto', guest);
  t.equal(
    codeOf(() => rooms.tracks.publisher({ sessionId: 'a', who: guest }, 'lobby')),
    'forbidden',
  );
  t.equal(
    codeOf(() => rooms.tracks.publisher({ sessionId: 'x', who: PUBLISHER }, 'lobby')),
    'not_joined',
  );
  t.end();
});

t.test('limits', (t) => {
  const { rooms, join, publish } = bench();
  for (const room of ['r1', 'r2', 'r3', 'r4']) join('a', room, 'none');
  t.equal(
    codeOf(() => join('a', 'r5')),
    'room_limit',
  );
  t.equal(
    codeOf(() => join('a', 'r1')),
    'already_joined',
  );
  for (const session of ['b', 'c', 'd']) join(session, 'r1', 'none');
  t.equal(
    codeOf(() => join('e', 'r1')),
    'room_full',
  );
  publish('a', 'r1', 't1');
  publish('a', 'r1', 't2');
  t.equal(
    codeOf(() => publish('a', 'r1', 't3')),
    'track_limit',
  );
  publish('b', 'r1', 't4');
  publish('b', 'r1', 't5');
  const effects = rooms.watching.subscribe('c', 'r1', undefined);
  t.equal(watches(effects).length, 3, 'an automatic subscriber gets what its limit allows');
  t.equal(
    codeOf(() => rooms.watching.subscribe('c', 'r1', 't5')),
    'track_limit',
  );
  rooms.watching.unsubscribe('c', 'r1', 't1');
  t.equal(rooms.get('r1')?.members.size, 4);
  t.end();
});

t.test('demand counts who waits in a room without tracks, and ends with the last one', (t) => {
  const { rooms, join } = bench();
  t.match(join('a', 'camera:1'), [{ type: 'room' }, {}, { type: 'demand', subscribers: 1 }]);
  t.match(
    join('b', 'camera:1', 'none').filter((one) => one.type === 'demand'),
    [],
  );
  const { participantId } = rooms.participants.joinIngest('camera:1', { identity: 'door', name: 'door' }, 0);
  rooms.tracks.publish(track('t', 'camera:1', participantId));
  t.same(rooms.demands(), [{ roomId: 'camera:1', subscribers: 1 }]);
  t.match(
    rooms.watching.subscribe('b', 'camera:1', 't').find((one) => one.type === 'demand'),
    { subscribers: 2 },
  );
  rooms.participants.endSession('a', 0);
  t.match(
    rooms.watching.unsubscribe('b', 'camera:1', 't').find((one) => one.type === 'demand'),
    { subscribers: 0 },
  );
  t.same(rooms.demands(), []);
  t.end();
});

t.test('an empty room lives for its timeout, counted from the last leave', (t) => {
  const { rooms, join } = bench();
  join('a', 'r');
  rooms.participants.leave('a', 'r', 1000);
  rooms.sweep(1000 + EMPTY_ROOM_TIMEOUT_MS - 1);
  t.equal(rooms.size, 1);
  join('b', 'r');
  rooms.sweep(1000 + EMPTY_ROOM_TIMEOUT_MS * 2);
  t.equal(rooms.size, 1, 'a room somebody came back to is not swept');
  rooms.participants.endSession('b', 200_000);
  rooms.sweep(200_000 + EMPTY_ROOM_TIMEOUT_MS);
  t.equal(rooms.size, 0);
  t.end();
});

t.test('a lost source is told once, to late joiners too, and is taken back', (t) => {
  const { rooms, join } = bench();
  join('a', 'r');
  t.same(frames(rooms.setSource('r', 'The camera is away.', 5), 'source-lost'), ['a']);
  t.same(rooms.setSource('r', 'The camera is away.', 9), []);
  const welcome = join('b', 'r').find((one) => one.type === 'frame' && one.frame.type === 'welcome');
  t.match(welcome, { frame: { sourceLost: 'The camera is away.' } });
  t.same(frames(rooms.setSource('r', null, 20), 'source-back'), ['a', 'b']);
  t.same(rooms.setSource('r', null, 21), []);
  t.end();
});

t.test('mute is the publisher’s, is told, and is known to late joiners', (t) => {
  const { rooms, join, publish } = bench();
  join('a', 'r');
  join('b', 'r');
  publish('a', 'r', 't');
  t.equal(
    codeOf(() => rooms.tracks.setMuted('b', 't', true)),
    'forbidden',
  );
  t.same(frames(rooms.tracks.setMuted('a', 't', true), 'track-state'), ['b']);
  const welcome = join('c', 'r').find((one) => one.type === 'frame' && one.frame.type === 'welcome');
  t.match(welcome, { frame: { tracks: [{ trackId: 't', muted: true }] } });
  t.end();
});

t.test('closing a room kicks everybody and ends its tracks', (t) => {
  const { rooms, join, publish } = bench();
  join('a', 'r');
  join('b', 'r');
  publish('a', 'r', 't');
  const effects = rooms.close('r', 'closed');
  t.same(frames(effects, 'kicked'), ['a', 'b']);
  t.ok(effects.some((one) => one.type === 'unwatch' && one.sessionId === 'b'));
  t.ok(effects.some((one) => one.type === 'track-ended' && one.trackId === 't'));
  t.ok(effects.some((one) => one.type === 'demand' && one.subscribers === 0));
  t.equal(
    codeOf(() => rooms.close('r', 'closed')),
    'room_not_found',
  );
  t.same(rooms.participants.welcomeAgain('a'), []);
  t.end();
});

t.test('whatever happens, effects and state agree', (t) => {
  const session = fc.constantFrom('a', 'b', 'c', 'd');
  const room = fc.constantFrom('r1', 'r2', 'r3');
  const trackId = fc.constantFrom('t1', 't2', 't3', 't4', 't5', 't6');
  const step = fc.oneof(
    fc.tuple(fc.constant('join' as const), session, room, trackId, fc.boolean()),
    fc.tuple(fc.constant('leave' as const), session, room, trackId, fc.boolean()),
    fc.tuple(fc.constant('publish' as const), session, room, trackId, fc.boolean()),
    fc.tuple(fc.constant('unpublish' as const), session, room, trackId, fc.boolean()),
    fc.tuple(fc.constant('subscribe' as const), session, room, trackId, fc.boolean()),
    fc.tuple(fc.constant('unsubscribe' as const), session, room, trackId, fc.boolean()),
    fc.tuple(fc.constant('refuse' as const), session, room, trackId, fc.boolean()),
    fc.tuple(fc.constant('end' as const), session, room, trackId, fc.boolean()),
    fc.tuple(fc.constant('close' as const), session, room, trackId, fc.boolean()),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { rooms, join, publish } = bench();
      const given = new Set<string>();
      const demand = new Map<string, number>();
      const take = (effects: RoomEffect[]): void => {
        for (const one of effects) {
          if (one.type === 'demand') demand.set(one.roomId, one.subscribers);
          if (one.type === 'watch') {
            if (given.has(`${one.sessionId} ${one.trackId}`)) throw new Error('given twice');
            given.add(`${one.sessionId} ${one.trackId}`);
          }
          if (one.type === 'unwatch' && !given.delete(`${one.sessionId} ${one.trackId}`)) {
            throw new Error('taken without being given');
          }
        }
      };
      for (const [action, who, roomId, id, flag] of steps) {
        try {
          if (action === 'join') take(join(who, roomId, flag ? 'auto' : 'none'));
          else if (action === 'leave') take(rooms.participants.leave(who, roomId, 1));
          else if (action === 'publish' && rooms.tracks.get(id) === undefined) take(publish(who, roomId, id));
          else if (action === 'unpublish') take(rooms.tracks.unpublish(id));
          else if (action === 'subscribe') take(rooms.watching.subscribe(who, roomId, flag ? id : undefined));
          else if (action === 'unsubscribe')
            take(rooms.watching.unsubscribe(who, roomId, flag ? id : undefined));
          else if (action === 'refuse') take(rooms.watching.refuse(who, id));
          else if (action === 'end') take(rooms.participants.endSession(who, 1));
          else if (action === 'close') take(rooms.close(roomId, 'x'));
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
        }
        const held = new Set<string>();
        for (const room of rooms.list()) {
          if ((demand.get(room.roomId) ?? 0) !== demandOf(room)) throw new Error('demand not told');
          for (const member of room.members.values()) {
            for (const watched of member.watching) {
              held.add(`${member.sessionId} ${watched}`);
              const info = room.tracks.get(watched);
              if (info === undefined || !wants(member, info))
                throw new Error('watches what it does not want');
            }
          }
          for (const info of room.tracks.values()) {
            if (!room.members.has(info.participantId)) throw new Error('a track without its publisher');
          }
        }
        if (held.size !== given.size || [...held].some((one) => !given.has(one))) {
          throw new Error('effects and state differ');
        }
        for (const name of ['a', 'b', 'c', 'd']) {
          const count = [...held].filter((one) => one.startsWith(`${name} `)).length;
          if (count > LIMITS.subscriptionsPerSession) throw new Error('over the limit');
        }
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
  t.end();
});
