/** Rooms in the console's words. */
import t from 'tap';
import { roomViewSchema } from '../../../daemon/contract/rooms.ts';
import type { LiveData } from '../../src/actions/live-state.ts';
import {
  isForced,
  participantState,
  roomName,
  roomState,
  settingsText,
  sortedRooms,
  trackText,
} from '../../src/actions/rooms-view.ts';

const data = { devices: new Map([['c1', { name: 'Yard gate' }]]) } as unknown as LiveData;
const encoding = (rid: string | null, height: number) => ({
  ...{ rid, height, width: (height * 16) / 9, bitsPerSecond: 1, framesPerSecond: 24.6 },
  ...{ keyFrameIntervalMs: null, packetsLost: 0, packetsRecovered: 0, lastPacketAtMs: 1 },
});
const track = (change: object = {}) => ({
  ...{
    trackId: 't',
    roomId: 'lobby',
    participantId: 'p',
    identity: 'key:1',
    kind: 'video',
    source: 'camera',
  },
  ...{ mimeType: 'video/VP8', fmtp: '', muted: false, bitsPerSecond: 2_440_000, watchers: 3 },
  encodings: [encoding('l', 180), encoding('h', 720)],
  ...change,
});
const person = (change: object = {}) => ({
  ...{ participantId: 'p', identity: 'key:1', name: 'Ada', joinedAtMs: 0, connected: true, tracks: [] },
  ...{ subscriptions: 0, ...change },
});
const room = (change: object = {}) =>
  roomViewSchema.parse({
    ...{ namespace: 'demo', node: 'local', roomId: 'lobby', createdAtMs: 0, participants: [person()] },
    ...change,
  });
const someone = (change: object = {}) => room({ participants: [person(change)] }).participants[0]!;

t.test("a camera's room has its name; people come first", (t) => {
  t.equal(roomName(data, 'camera:c1'), 'Yard gate');
  t.equal(roomName(data, 'camera:gone'), 'camera:gone');
  const rooms = ['camera:c1', 'lobby', 'atrium', 'gate 10', 'gate 2'].map((roomId) => room({ roomId }));
  t.same(
    sortedRooms(data, rooms).map(({ roomId }) => roomId),
    ['atrium', 'gate 2', 'gate 10', 'lobby', 'camera:c1'],
  );
  t.end();
});

t.test('states of rooms', (t) => {
  t.same(roomState(room(), 0), { state: 'idle', label: '1 participant' });
  t.equal(roomState(room({ participants: [person({ tracks: [track()] })] }), 0).state, 'live');
  t.equal(roomState(room({ participants: [person({ tracks: [track({ muted: true })] })] }), 0).state, 'idle');
  t.same(roomState(room({ participants: [], emptySinceMs: 1000 }), 61_000), {
    state: 'idle',
    label: 'Empty for 1 min',
  });
  t.equal(roomState(room({ sourceLost: 'It is away.' }), 0).state, 'degraded');
  t.equal(settingsText(room()), null);
  const settings = { emptyTimeoutSeconds: null, maxParticipants: 1 };
  t.equal(settingsText(room({ settings })), 'kept until it is closed, at most 1 participant');
  t.end();
});

t.test('who does what: what matters most is said', (t) => {
  t.equal(participantState(someone({ subscriptions: 2 }), null).label, 'Watches 2 tracks');
  t.equal(participantState(someone({ subscriptions: 2, tracks: [track()] }), null).label, 'Sends');
  t.equal(participantState(someone({ tracks: [track()] }), 'p').label, 'Speaks');
  t.equal(participantState(someone({ connected: false }), 'p').label, 'Reconnecting');
  t.equal(participantState(someone({ kind: 'camera' }), null).label, 'Camera');
  t.equal(participantState(someone(), null).label, 'Here');
  t.ok(isForced(someone({ tracks: [track(), track({ forced: true })] })));
  t.end();
});

t.test('what a track is, and what arrives of it', (t) => {
  const text = (change: object = {}) => trackText(someone({ tracks: [track(change)] }).tracks[0]!);
  t.equal(text(), 'Camera, VP8, 2.4 Mbit/s, 720p 25 fps in 2 sizes, 3 watching');
  t.equal(text({ muted: true, watchers: 0 }), 'Camera, VP8, muted');
  t.equal(text({ muted: true, forced: true, watchers: 1 }), 'Camera, VP8, muted by a moderator, 1 watching');
  const sound = { kind: 'audio', source: 'unknown', mimeType: 'audio/opus', bitsPerSecond: 31_000 };
  t.equal(text({ ...sound, encodings: [], watchers: 0 }), 'Audio, opus, 31 kbit/s');
  t.end();
});
