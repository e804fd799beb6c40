/** Rights of tickets, people sent away, and mutes that outlive a session. */
import t from 'tap';
import { DEFAULT_SFU_LIMITS } from '../../../contract/sfu-config.ts';
import type { ModerationEntry } from '../../../contract/rooms.ts';
import { kickSchema, type RoomRight, type TrackInfo } from '../../../contract/signaling.ts';
import type { MediaSource } from '../../../sfu/media/core/types.ts';
import { MediaTrack } from '../../../sfu/media/media-track.ts';
import { Moderation } from '../../../sfu/rooms/moderation.ts';
import { restoreModeration } from '../../../sfu/rooms/restore-moderation.ts';
import type { Who } from '../../../sfu/rooms/rights.ts';
import type { RoomEffect } from '../../../sfu/rooms/room-effects.ts';
import { Rooms } from '../../../sfu/rooms/rooms.ts';

function bench() {
  let next = 1;
  const told: ModerationEntry[] = [];
  const moderation = new Moderation((entry) => told.push(entry));
  const rooms = new Rooms({ limits: DEFAULT_SFU_LIMITS, moderation, newId: () => `p${next++}` });
  const join = (sessionId: string, identity = sessionId, may?: RoomRight[], nowMs = 0) => {
    const who: Who = { identity, name: '', role: 'publisher', rooms: null, may };
    const effects = rooms.participants.join({ sessionId, who }, { roomId: 'r', subscribe: 'auto' }, nowMs);
    const publish = (trackId: string, kind: 'audio' | 'video' = 'audio'): RoomEffect[] => {
      const { participantId } = rooms.tracks.publisher({ sessionId, who }, 'r');
      const track: TrackInfo = {
        ...{ trackId, roomId: 'r', participantId, identity, kind, source: 'camera' },
        ...{ mimeType: 'audio/opus', fmtp: '', muted: false },
      };
      return rooms.tracks.publish(track);
    };
    const participantId = (): string =>
      [...rooms.get('r')!.members.values()].find((member) => member.sessionId === sessionId)!.participantId;
    return { effects, publish, participantId, who };
  };
  return { rooms, join, moderation, told };
}
const kick = (participantId: string, more: object = {}) => kickSchema.parse({ participantId, ...more });
const frames = (effects: RoomEffect[], type: string): object[] =>
  effects.flatMap((one) =>
    one.type === 'frame' && one.frame.type === type ? [{ to: one.sessionId, ...one.frame }] : [],
  );
const silences = (effects: RoomEffect[]): string[] =>
  effects.flatMap((one) => (one.type === 'silence' ? [`${one.trackId} ${String(one.silent)}`] : []));

t.test('a ticket may do exactly what it says', (t) => {
  const { rooms, join } = bench();
  const sender = join('sender', 'sender', ['publish']);
  const viewer = join('viewer', 'viewer', ['subscribe']);
  join('admin', 'admin', ['admin']);
  const watching = (effects: RoomEffect[]): string[] =>
    effects.flatMap((one) => (one.type === 'watch' ? [one.sessionId] : []));
  t.same(watching(sender.publish('t1')), ['viewer'], 'who may not subscribe is given nothing');
  t.throws(() => viewer.publish('t2'), { code: 'forbidden', message: /not publish/ });
  t.throws(() => rooms.watching.subscribe('sender', 'r', undefined), {
    code: 'forbidden',
    message: /not watch/,
  });
  for (const sessionId of ['sender', 'viewer'])
    t.throws(() => rooms.moderators.require(sessionId, 'r'), { code: 'forbidden' });
  t.throws(() => rooms.moderators.require('stranger', 'r'), { code: 'not_joined' });
  rooms.moderators.require('admin', 'r');
  t.equal(rooms.demands()[0]?.subscribers, 1, 'a camera is not started for who may not watch');

  const fewer = rooms.participants.setRights('sender', { ...sender.who, may: ['subscribe'] });
  t.match(frames(fewer, 'track-removed'), [{ trackId: 't1' }, { trackId: 't1' }]);
  t.ok(fewer.some((one) => one.type === 'track-ended' && one.trackId === 't1'));
  const blind = rooms.participants.setRights('viewer', { ...viewer.who, may: [] });
  t.same(
    blind.filter((one) => one.type === 'demand'),
    [{ type: 'demand', roomId: 'r', subscribers: 1 }],
    'of two that may watch one is left',
  );
  t.end();
});

t.test('who is sent away stays away for a while, with everybody of the same identity', (t) => {
  const { rooms, join } = bench();
  const first = join('s1', 'ada');
  join('s2', 'ada');
  join('s3', 'bob');
  first.publish('t1');
  const { ended, effects } = rooms.moderators.kick(
    'r',
    kick(first.participantId(), { reason: 'Enough.' }),
    1000,
  );
  t.equal(ended, 2);
  t.same(
    frames(effects, 'kicked').map((one) => (one as { to: string }).to),
    ['s1', 's2'],
  );
  t.match(frames(effects, 'track-removed'), [{ trackId: 't1' }, { trackId: 't1' }]);
  t.ok(effects.some((one) => one.type === 'track-ended'));
  t.equal(rooms.get('r')!.members.size, 1);
  t.throws(() => join('s1', 'ada', undefined, 30_999), { code: 'kicked', message: /Enough.*1 s/ });
  join('s1', 'ada', undefined, 31_000);
  const again = join('s2', 'ada', undefined, 31_000);
  t.equal(rooms.moderators.kick('r', kick(again.participantId(), { forSeconds: 0 }), 31_000).ended, 1);
  t.equal(rooms.get('r')!.members.size, 2, 'without a time it is one participant');
  join('s2', 'ada', undefined, 31_000);
  rooms.moderators.kick('r', kick(again.participantId(), { forSeconds: 60 }), 31_000);
  rooms.close('r', 'over');
  t.throws(() => join('s1', 'ada', undefined, 32_000), { code: 'kicked' }, 'a new room of the name too');
  t.throws(() => rooms.moderators.kick('none', kick('p1'), 0), { code: 'room_not_found' });
  join('s9', 'eve');
  t.throws(() => rooms.moderators.kick('r', kick('p1'), 0), { code: 'participant_not_found' });
  const camera = rooms.participants.joinIngest('r', { identity: 'cam', name: 'cam' }, 0);
  t.throws(() => rooms.moderators.kick('r', kick(camera.participantId), 0), {
    code: 'invalid_request',
    message: /camera/,
  });
  t.end();
});

t.test('a mute is told to all, silences the track and is remembered for what comes later', (t) => {
  const { rooms, join } = bench();
  const ada = join('a', 'ada');
  join('b', 'bob');
  ada.publish('mic');
  ada.publish('cam', 'video');
  const mute = (muted: boolean, kind?: 'audio') =>
    rooms.moderators.mute('r', { participantId: ada.participantId(), muted, ...(kind && { kind }) });
  const { tracks, effects } = mute(true, 'audio');
  t.equal(tracks, 1);
  t.same(silences(effects), ['mic true']);
  t.match(frames(effects, 'track-state'), [
    { to: 'a', trackId: 'mic', muted: true, forced: true },
    { to: 'b', trackId: 'mic', muted: true, forced: true },
  ]);
  t.same(mute(true, 'audio').effects, [], 'nothing is told twice');
  t.throws(() => rooms.tracks.setMuted('a', 'mic', false), { code: 'forbidden', message: /moderator/ });
  t.match(frames(join('late', 'late').effects, 'welcome'), [
    {
      tracks: [
        { trackId: 'mic', muted: true, forced: true },
        { trackId: 'cam', muted: false },
      ],
    },
  ]);

  rooms.participants.endSession('a', 0);
  const back = join('a', 'ada');
  const published = back.publish('mic2');
  t.same(silences(published), ['mic2 true'], 'leaving and coming back undoes nothing');
  t.match(frames(published, 'track-added'), [{ track: { trackId: 'mic2', muted: true, forced: true } }, {}]);
  t.match(frames(published, 'track-state'), [{ to: 'a', trackId: 'mic2', forced: true }]);
  t.same(silences(back.publish('cam2', 'video')), []);
  rooms.tracks.setMuted('a', 'mic2', true);
  const undone = rooms.moderators.mute('r', { participantId: back.participantId(), muted: false });
  t.same(silences(undone.effects), ['mic2 false']);
  t.match(
    frames(undone.effects, 'track-state')[0],
    { trackId: 'mic2', muted: true, forced: false },
    'its own stays',
  );
  t.match(frames(rooms.tracks.setMuted('a', 'mic2', false), 'track-state')[0], { muted: false });
  t.same(silences(back.publish('mic3')), []);
  t.end();
});

t.test('a silent track feeds nobody, whatever comes and goes', (t) => {
  const codec = { kind: 'audio', name: 'opus', clockRate: 48_000, channels: 2, fmtp: '' } as never;
  const track = new MediaTrack({ trackId: 't', streamId: 's', codec });
  const fed: number[] = [];
  const sink = {
    sourcesChanged: (sources: readonly unknown[]) => fed.push(sources.length),
    codecChanged: () => {},
  };
  const [one, two] = [{}, {}] as MediaSource[];
  track.addSink(sink);
  track.attach(one);
  track.setSilent(true);
  track.setSilent(true);
  track.attach(two);
  track.addSink({
    sourcesChanged: (sources) => fed.push(sources.length * 100),
    codecChanged: () => {},
  });
  track.setSilent(false);
  t.same(fed, [0, 1, 0, 0, 1, 100]);
  t.end();
});

t.test('what is remembered is bounded, and what is over makes room', (t) => {
  const moderation = new Moderation();
  const ban = (identity: string, nowMs: number) =>
    moderation.ban('r', identity, { untilMs: 1000, reason: 'x' }, nowMs);
  for (let at = 0; at < 10_000; at += 1) ban(`p${String(at)}`, 0);
  t.throws(() => ban('more', 999), { code: 'rate_limited' });
  t.throws(() => moderation.setMuted('r', 'm', 'audio', true), { code: 'rate_limited' });
  ban('more', 1000);
  moderation.setMuted('q', 'm', 'audio', true);
  moderation.setMuted('q', 'm', 'video', true);
  t.ok(moderation.isMuted('q', 'm', 'video'));
  moderation.forgetRoom('q');
  t.notOk(moderation.isMuted('q', 'm', 'audio'));
  t.end();
});

t.test('what was said in a process of before holds, for who is in the room already too', (t) => {
  const before = bench();
  const [ada, bob] = [before.join('s1', 'ada'), before.join('s2', 'bob')];
  before.rooms.moderators.mute('r', { participantId: bob.participantId(), kind: 'audio', muted: true });
  before.rooms.moderators.mute('r', { participantId: bob.participantId(), kind: 'video', muted: true });
  before.rooms.moderators.mute('r', { participantId: bob.participantId(), kind: 'video', muted: false });
  before.rooms.moderators.kick('r', kick(ada.participantId(), { reason: 'Noise.', forSeconds: 60 }), 1000);
  const entries = [
    { roomId: 'r', identity: 'ada', ban: { untilMs: 61_000, reason: 'Noise.' }, muted: [] },
    { roomId: 'r', identity: 'bob', ban: null, muted: ['audio'] },
  ];
  t.same(before.moderation.list(), entries);
  t.match(before.told.at(-1), entries[0]);
  t.match(before.told.at(-2), entries[1], 'each change is told');

  const { rooms, join, moderation } = bench();
  join('s3', 'ada');
  join('s4', 'bob').publish('t1');
  const effects = restoreModeration({ rooms, moderation, nowMs: 2000 }, 'r', before.moderation.list());
  t.match(frames(effects, 'kicked'), [{ to: 's3', reason: 'Noise.' }]);
  t.same(silences(effects), ['t1 true']);
  t.match(rooms.tracks.get('t1'), { muted: true, forced: true });
  t.throws(() => join('s5', 'ada', undefined, 60_999), { code: 'kicked', message: /Noise/ });
  join('s5', 'ada', undefined, 61_000);
  t.same(
    restoreModeration({ rooms, moderation, nowMs: 61_000 }, 'r', entries.slice(0, 1) as never),
    [],
    'it is over',
  );
  t.end();
});
