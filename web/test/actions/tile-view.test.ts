/** The tile's state table, row by row, and which row wins where two match. */
import t from 'tap';
import type {
  DeviceFacts,
  PageFacts,
  SubscriptionFacts,
  TileView,
  VideoFacts,
} from '../../src/actions/tile-facts.ts';
import { tileView } from '../../src/actions/tile-view.ts';
import { clock } from '../../src/actions/wording.ts';

const NOW = Date.UTC(2026, 8, 14, 12, 2, 37);
const seconds = (count: number): number => NOW - count * 1000;

const device = (change: Partial<DeviceFacts> = {}): DeviceFacts => ({
  name: 'Yard gate',
  gone: null,
  state: 'online',
  lastSeenAtMs: NOW,
  offlineSinceMs: null,
  noVideo: null,
  ...change,
});
const subscription = (change: Partial<SubscriptionFacts> = {}): SubscriptionFacts => ({
  sinceMs: seconds(60),
  stepsDone: 4,
  waitsFor: 'picture',
  unsupportedCodec: null,
  refusal: null,
  blockedTransports: null,
  slow: null,
  sourceLost: null,
  recovery: null,
  ...change,
});
const video = (change: Partial<VideoFacts> = {}): VideoFacts => ({
  playRejected: false,
  lastFrameAtMs: NOW,
  trouble: null,
  ...change,
});
const page = (change: Partial<PageFacts> = {}): PageFacts => ({
  plays: true,
  liveDownSinceMs: null,
  ...change,
});

type Parts = {
  device?: Partial<DeviceFacts>;
  subscription?: Partial<SubscriptionFacts>;
  video?: Partial<VideoFacts>;
  page?: Partial<PageFacts>;
};
const decide = (parts: Parts, nowMs = NOW): TileView =>
  tileView(
    device(parts.device),
    subscription(parts.subscription),
    video(parts.video),
    page(parts.page),
    nowMs,
  );
const text = (view: TileView): string =>
  [view.cover?.title, view.cover?.text, view.cover?.more]
    .filter((part) => typeof part === 'string')
    .join(' ');

const SILENT = { lastFrameAtMs: seconds(3) };
const NEVER = { lastFrameAtMs: null };
const STARTED = { sinceMs: seconds(1), stepsDone: 2 as const };
const REFUSED = { code: 'room_full', message: 'The room is full.', retryAtMs: NOW + 20_000 };
const RECOVERY = { rung: 'key-frame' as const, takenAtMs: seconds(1), nextAtMs: NOW + 2000, attempt: 1 };

const TABLE: {
  name: string;
  parts: Parts;
  row: TileView['row'];
  state: TileView['state'];
  says?: RegExp | null;
  text?: RegExp;
  picture?: TileView['picture'];
}[] = [
  {
    name: '1 deleted',
    parts: { device: { gone: { reason: 'deleted', atMs: seconds(60) } } },
    row: 1,
    state: 'offline',
    text: /^Camera deleted It was deleted at/,
    says: /Camera deleted/,
  },
  {
    name: '1 access lost',
    parts: { device: { gone: { reason: 'forbidden', atMs: NOW } } },
    row: 1,
    state: 'offline',
    text: /may no longer watch/,
  },
  {
    name: '3 unknown without frames',
    parts: { device: { state: 'unknown' }, video: NEVER },
    row: 3,
    state: 'unknown',
    text: /State unknown/,
    says: /state unknown/,
  },
  { name: '3 not while frames flow', parts: { device: { state: 'unknown' } }, row: 16, state: 'live' },
  {
    name: '4 tunnel closed, was live',
    parts: {
      device: { state: 'offline', offlineSinceMs: seconds(14) },
      video: { lastFrameAtMs: seconds(14) },
    },
    row: 4,
    state: 'connecting',
    picture: 'shaded',
    text: /Camera reconnecting Its tunnel closed 14 s ago.*Picture from/,
    says: /reconnecting/,
  },
  {
    name: '4 not after 30 s',
    parts: {
      device: { state: 'offline', offlineSinceMs: seconds(31) },
      video: { lastFrameAtMs: seconds(31) },
    },
    row: 5,
    state: 'offline',
  },
  {
    name: '4 not while its picture still comes',
    parts: { device: { state: 'offline', offlineSinceMs: seconds(5) } },
    row: 16,
    state: 'live',
    picture: 'shown',
  },
  {
    name: '5 offline',
    parts: { device: { state: 'offline', lastSeenAtMs: seconds(4 * 3600 + 21 * 60) }, video: NEVER },
    row: 5,
    state: 'offline',
    picture: 'none',
    text: /Last seen .*4 h 21 min ago/,
    says: /offline/,
  },
  {
    name: '5 never connected',
    parts: { device: { state: 'offline', lastSeenAtMs: null }, video: NEVER },
    row: 5,
    state: 'offline',
    text: /never connected/,
  },
  {
    name: '6 codec',
    parts: { subscription: { unsupportedCodec: 'AV1' }, video: NEVER },
    row: 6,
    state: 'degraded',
    text: /This browser cannot play AV1 Open it in Chrome or Edge, or set the camera to H\.264/,
  },
  {
    name: '6 before any connection',
    parts: { subscription: { ...STARTED, unsupportedCodec: 'H.264' }, video: NEVER },
    row: 6,
    state: 'degraded',
    text: /VP8/,
  },
  {
    name: '7 full, retried',
    parts: { subscription: { refusal: REFUSED } },
    row: 7,
    state: 'degraded',
    text: /server is full The room is full\. Trying again in 20 s/,
  },
  {
    name: '7 forbidden is final',
    parts: { subscription: { refusal: { code: 'forbidden', message: 'No.', retryAtMs: null } } },
    row: 7,
    state: 'error',
  },
  {
    name: '8 network blocked',
    parts: {
      subscription: { ...STARTED, blockedTransports: ['udp 3478', 'tcp 3478', 'tls 5349'] },
      video: NEVER,
    },
    row: 8,
    state: 'error',
    text: /No answer on udp 3478, tcp 3478 or tls 5349/,
  },
  {
    name: '9 off screen, with a frame',
    parts: { page: { plays: false }, video: SILENT },
    row: 9,
    state: 'paused',
    picture: 'shaded',
    says: null,
  },
  {
    name: '9 off screen, without one',
    parts: { page: { plays: false }, video: NEVER },
    row: 9,
    state: 'paused',
    picture: 'none',
    says: null,
  },
  {
    name: '10 autoplay refused',
    parts: { video: { ...NEVER, playRejected: true } },
    row: 10,
    state: 'paused',
    text: /Press to play/,
  },
  {
    name: '11 waiting, quiet for 2 s',
    parts: { subscription: STARTED, video: NEVER },
    row: 11,
    state: 'connecting',
    says: null,
  },
  {
    name: '11 waiting longer',
    parts: { subscription: { ...STARTED, sinceMs: seconds(3) }, video: NEVER },
    row: 11,
    state: 'connecting',
    says: /connecting/,
  },
  {
    name: '11 after a pause the old frame is shaded',
    parts: { subscription: STARTED, video: { lastFrameAtMs: seconds(40) } },
    row: 11,
    state: 'connecting',
    picture: 'shaded',
  },
  {
    name: '12 no frame for 2 s',
    parts: { video: SILENT, subscription: { recovery: RECOVERY } },
    row: 12,
    state: 'connecting',
    picture: 'shaded',
    text: /Key frame asked at .*Next step in 2 s/,
  },
  {
    name: '12 ICE restart',
    parts: { video: SILENT, subscription: { recovery: { ...RECOVERY, rung: 'ice-restart' } } },
    row: 12,
    state: 'connecting',
    text: /Path to the relay renewed/,
  },
  {
    name: '12 new session',
    parts: { video: SILENT, subscription: { recovery: { ...RECOVERY, rung: 'new-session', attempt: 4 } } },
    row: 12,
    state: 'connecting',
    text: /New connection at .*try 2/,
  },
  {
    name: '12 never a frame after 10 s',
    parts: { video: NEVER, subscription: { sinceMs: seconds(11) } },
    row: 12,
    state: 'connecting',
    text: /Still no picture/,
  },
  {
    name: '12 the server knows why',
    parts: {
      video: SILENT,
      subscription: { sourceLost: { message: 'The camera restarts.', sinceMs: seconds(4) } },
    },
    row: 12,
    state: 'connecting',
    text: /The camera restarts/,
  },
  {
    name: '13 online, no video for 12 s',
    parts: { device: { noVideo: { sinceMs: seconds(12), message: null } }, video: NEVER },
    row: 13,
    state: 'degraded',
    text: /no video has come for 12 s/,
    says: /online, no picture/,
  },
  {
    name: '13 the server says source lost',
    parts: {
      subscription: { sourceLost: { message: 'The encoder stopped.', sinceMs: seconds(11) } },
      video: SILENT,
    },
    row: 13,
    state: 'degraded',
    text: /The encoder stopped/,
  },
  {
    name: '13 not before 10 s',
    parts: { device: { noVideo: { sinceMs: seconds(9), message: null } }, video: SILENT },
    row: 12,
    state: 'connecting',
  },
  {
    name: '14 slow viewer',
    parts: {
      subscription: {
        slow: { sentence: 'It carries 0.8 of the 3.1 Mbit/s needed.', retryAtMs: NOW + 20_000 },
      },
      video: SILENT,
    },
    row: 14,
    state: 'degraded',
    text: /too slow It carries 0\.8.*Trying again in 20 s/,
  },
  {
    name: '15 bad figures',
    parts: { video: { trouble: { text: '4.2 % loss', lastBadAtMs: seconds(5) } } },
    row: 15,
    state: 'degraded',
    picture: 'shown',
  },
  {
    name: '15 leaves after 15 s clean',
    parts: { video: { trouble: { text: '4.2 % loss', lastBadAtMs: seconds(15) } } },
    row: 16,
    state: 'live',
  },
  { name: '16 live', parts: {}, row: 16, state: 'live', picture: 'shown', says: null },
];

for (const one of TABLE) {
  t.test(one.name, (t) => {
    const view = decide(one.parts);
    t.equal(view.row, one.row);
    t.equal(view.state, one.state);
    if (one.text !== undefined) t.match(text(view), one.text);
    if (one.picture !== undefined) t.equal(view.picture, one.picture);
    if (one.says === null) t.equal(view.says, null);
    else if (one.says !== undefined) t.match(view.says?.text ?? '', one.says);
    t.end();
  });
}

t.test('a row wins over every row after it', (t) => {
  /** Conditions that can hold together; each adds its row's cause. */
  const causes: [TileView['row'], Parts][] = [
    [1, { device: { gone: { reason: 'deleted', atMs: NOW } } }],
    [5, { device: { state: 'offline', offlineSinceMs: seconds(60) } }],
    [6, { subscription: { unsupportedCodec: 'AV1' } }],
    [7, { subscription: { refusal: REFUSED } }],
    [8, { subscription: { blockedTransports: ['udp 3478'] } }],
    [9, { page: { plays: false } }],
    [10, { video: { playRejected: true } }],
    [12, { video: { lastFrameAtMs: seconds(50) } }],
  ];
  for (let first = 0; first < causes.length; first++) {
    const parts: Parts = {};
    for (const [, cause] of causes.slice(first)) {
      for (const [name, change] of Object.entries(cause)) {
        const key = name as keyof Parts;
        parts[key] = { ...parts[key], ...change };
      }
    }
    t.equal(decide(parts).row, causes[first]![0]);
  }
  t.end();
});

t.test('2: while live data is interrupted no state that comes from it moves on', (t) => {
  const parts: Parts = {
    device: { state: 'offline', offlineSinceMs: seconds(20) },
    video: { lastFrameAtMs: seconds(20) },
    page: { liveDownSinceMs: seconds(10) },
  };
  t.equal(decide(parts).row, 4);
  t.equal(decide(parts, NOW + 60_000).row, 4, 'a minute later it still says reconnecting');
  t.equal(decide({ ...parts, page: {} }, NOW + 60_000).row, 5);
  t.equal(decide({ page: { liveDownSinceMs: seconds(10) } }).row, 16, 'pictures go on');
  t.end();
});

t.test('a picture that is not live never looks live', (t) => {
  for (const { parts } of TABLE) {
    const view = decide(parts);
    const last = parts.video?.lastFrameAtMs === undefined ? NOW : parts.video.lastFrameAtMs;
    const flows = last !== null && NOW - last < 2000;
    if (!flows) t.not(view.picture, 'shown');
    if (view.picture === 'shaded' && view.row !== 10) t.match(text(view), clock(last ?? 0), 'it is dated');
  }
  t.end();
});
