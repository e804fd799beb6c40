/**
 * The tile: what decides, what it shows, what it says. One pure function; the rows are those of the design's
 * state table and the first that matches wins. A tile and the player draw what comes out and decide nothing.
 */
import { alternatives, ago, clock, countdown, dayAndTime, duration } from './wording.ts';

/** Shape, word and colour of a state. */
export type StateName =
  'live' | 'connecting' | 'idle' | 'paused' | 'offline' | 'degraded' | 'error' | 'unknown';

/** The camera, from live events. */
export type DeviceFacts = {
  name: string;
  /** Set when it may no longer be watched: deleted, or the role lost `live_view`. */
  gone: { reason: 'deleted' | 'forbidden'; atMs: number } | null;
  state: 'online' | 'offline' | 'unknown';
  lastSeenAtMs: number | null;
  /** When this browser learnt that the camera went offline; null when it was so from the start. */
  offlineSinceMs: number | null;
  /** The camera is known to send nothing to the SFU although it is connected. */
  noVideo: { sinceMs: number; message: string | null } | null;
};

/** The subscription at the SFU, from the viewer. */
export type SubscriptionFacts = {
  /** When the present wish to see the picture began; null: nobody wants it. */
  sinceMs: number | null;
  /** How many of access, relay, camera and picture are done. */
  stepsDone: 0 | 1 | 2 | 3 | 4;
  /** Which of them is waited for. */
  waitsFor: 'access' | 'relay' | 'camera' | 'picture';
  unsupportedCodec: string | null;
  refusal: { code: string; message: string; retryAtMs: number | null } | null;
  /** Relay transports that were tried in vain, for example `udp 3478`. */
  blockedTransports: string[] | null;
  /** Set while the server holds the picture back because this viewer is too slow. */
  slow: { sentence: string; retryAtMs: number | null } | null;
  sourceLost: { message: string; sinceMs: number } | null;
  recovery: {
    rung: 'key-frame' | 'ice-restart' | 'new-session';
    takenAtMs: number;
    nextAtMs: number;
    attempt: number;
  } | null;
};

/** This <video>. */
export type VideoFacts = {
  playRejected: boolean;
  lastFrameAtMs: number | null;
  /** The worst figure while the picture is bad ("4.2 % loss"), and when it was last bad. */
  trouble: { text: string; lastBadAtMs: number } | null;
};

/** The page around it. */
export type PageFacts = {
  /** The tile is on screen, the page visible, and the play budget allows it. */
  plays: boolean;
  /** Since when the live socket has been down; null while it is up. */
  liveDownSinceMs: number | null;
};

export type TileAction = 'see-why' | 'why-black' | 'play' | 'try-now' | 'copy-network' | 'back-to-wall';

export type TileView = {
  /** Row of the state table. */
  row: 1 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16;
  state: StateName;
  /** The state in a word, for the accessible name: "offline". */
  word: string;
  /** Over the picture; null when the picture speaks for itself. */
  cover: {
    title: string;
    text: string;
    /** Said only where there is room. */
    more: string | null;
    /** A ring turns before the sentence: something is being tried. */
    busy: boolean;
    action: { id: TileAction; label: string } | null;
  } | null;
  /** `shaded`: the last frame under the shade; `none`: only the well. */
  picture: 'shown' | 'shaded' | 'none';
  /** Segments that are lit, of 4; null: no segments. */
  steps: number | null;
  /** Figure beside the name. */
  why: string | null;
  /** What a screen reader hears when this state is entered. */
  says: { text: string; politeness: 'polite' | 'assertive' } | null;
};

/** A picture whose last frame is older does not flow. */
export const FLOWS_MS = 2000;
const LIVE_DOWN_MS = 3000;
const RECONNECTING_MS = 30_000;
const FIRST_FRAME_MS = 10_000;
const NO_VIDEO_MS = 10_000;
const CLEAN_MS = 15_000;

type Draft = Partial<TileView> & Pick<TileView, 'row' | 'state' | 'word'>;
const view = (draft: Draft): TileView => ({
  cover: null,
  picture: 'none',
  steps: null,
  why: null,
  says: null,
  ...draft,
});

export function tileView(
  device: DeviceFacts,
  subscription: SubscriptionFacts,
  video: VideoFacts,
  page: PageFacts,
  nowMs: number,
): TileView {
  const { name } = device;
  const flows = video.lastFrameAtMs !== null && nowMs - video.lastFrameAtMs < FLOWS_MS;
  // Row 2: while live data is interrupted nothing that comes from it moves on; the page says so once.
  const deviceNowMs =
    page.liveDownSinceMs !== null && nowMs - page.liveDownSinceMs > LIVE_DOWN_MS
      ? page.liveDownSinceMs
      : nowMs;
  const lastPicture = video.lastFrameAtMs === null ? null : `Picture from ${clock(video.lastFrameAtMs)}.`;
  const stale = video.lastFrameAtMs === null ? 'none' : 'shaded';
  const polite = (text: string): TileView['says'] => ({ text: `${name}: ${text}`, politeness: 'polite' });

  // 1
  if (device.gone !== null) {
    const deleted = device.gone.reason === 'deleted';
    const title = deleted ? 'Camera deleted' : 'You may no longer watch this camera';
    return view({
      row: 1,
      state: 'offline',
      word: 'offline',
      cover: {
        title,
        text: deleted
          ? `It was deleted at ${clock(device.gone.atMs)}.`
          : `Your access ended at ${clock(device.gone.atMs)}. An owner of the namespace can give it back.`,
        more: null,
        busy: false,
        action: { id: 'back-to-wall', label: 'Back to the wall' },
      },
      says: polite(title),
    });
  }

  // 3
  if (device.state === 'unknown' && !flows) {
    return view({
      row: 3,
      state: 'unknown',
      word: 'state unknown',
      picture: stale,
      cover: {
        title: 'State unknown',
        text: 'The server cannot tell whether the camera is online.',
        more: lastPicture,
        busy: false,
        action: null,
      },
      says: polite('state unknown'),
    });
  }

  if (device.state === 'offline' && !flows) {
    // 4
    const awaySinceMs = device.offlineSinceMs ?? video.lastFrameAtMs;
    if (
      video.lastFrameAtMs !== null &&
      awaySinceMs !== null &&
      deviceNowMs - Math.max(video.lastFrameAtMs, awaySinceMs) < RECONNECTING_MS
    ) {
      return view({
        row: 4,
        state: 'connecting',
        word: 'reconnecting',
        picture: 'shaded',
        cover: {
          title: 'Camera reconnecting',
          text: `Its tunnel closed ${ago(awaySinceMs, deviceNowMs)}; it is expected back.`,
          more: lastPicture,
          busy: false,
          action: null,
        },
        says: polite('reconnecting'),
      });
    }
    // 5
    return view({
      row: 5,
      state: 'offline',
      word: 'offline',
      cover: {
        title: 'Offline',
        text:
          device.lastSeenAtMs === null
            ? 'It has never connected.'
            : `Last seen ${dayAndTime(device.lastSeenAtMs, nowMs)}, ${ago(device.lastSeenAtMs, deviceNowMs)}.`,
        more: null,
        busy: false,
        action: { id: 'see-why', label: 'See why' },
      },
      says: polite('offline'),
    });
  }

  // 6
  if (subscription.unsupportedCodec !== null) {
    const codec = subscription.unsupportedCodec;
    return view({
      row: 6,
      state: 'degraded',
      word: 'cannot be played',
      cover: {
        title: `This browser cannot play ${codec}`,
        text:
          codec === 'H.264'
            ? 'Open it in Chrome or Edge, or set the camera to VP8.'
            : 'Open it in Chrome or Edge, or set the camera to H.264.',
        more: null,
        busy: false,
        action: null,
      },
      says: polite(`this browser cannot play ${codec}`),
    });
  }

  // 7
  if (subscription.refusal !== null) {
    const { refusal } = subscription;
    const again =
      refusal.retryAtMs === null ? '' : ` Trying again in ${countdown(refusal.retryAtMs, nowMs)}.`;
    const final = refusal.retryAtMs === null;
    return view({
      row: 7,
      state: final ? 'error' : 'degraded',
      word: 'refused',
      picture: stale,
      cover: {
        title: refusalTitle(refusal.code),
        text: `${refusal.message}${again}`,
        more: lastPicture,
        busy: !final,
        action: final ? null : { id: 'try-now', label: 'Try now' },
      },
      says: polite(refusal.message),
    });
  }

  // 8
  if (subscription.blockedTransports !== null && !flows) {
    return view({
      row: 8,
      state: 'error',
      word: 'no video',
      picture: stale,
      cover: {
        title: 'Your network blocks the video',
        text: `No answer on ${alternatives(subscription.blockedTransports)}. Ask for ${
          subscription.blockedTransports.length === 1 ? 'it' : 'one of them'
        } to be opened.`,
        more: lastPicture,
        busy: true,
        action: { id: 'copy-network', label: 'Copy for your network team' },
      },
      says: polite('your network blocks the video'),
    });
  }

  // 9
  if (!page.plays) {
    return view({
      row: 9,
      state: 'paused',
      word: 'paused',
      picture: stale,
      cover:
        stale === 'none'
          ? null
          : { title: 'Paused', text: lastPicture ?? '', more: null, busy: false, action: null },
    });
  }

  // 10
  if (video.playRejected) {
    return view({
      row: 10,
      state: 'paused',
      word: 'press to play',
      picture: 'shaded',
      cover: {
        title: 'Press to play',
        text: 'The browser blocked automatic playback.',
        more: null,
        busy: false,
        action: { id: 'play', label: 'Play' },
      },
      says: polite('press to play'),
    });
  }

  const slow = subscription.slow;
  // 13, when the server itself says that the camera sends nothing.
  const dry = drySince(device, subscription);
  if (!flows && slow === null && dry !== null && deviceNowMs - dry.sinceMs > NO_VIDEO_MS) {
    return noPicture(device, dry, deviceNowMs, polite);
  }

  const sinceMs = subscription.sinceMs ?? nowMs;
  const waitedMs = nowMs - sinceMs;
  const noFrameYet = video.lastFrameAtMs === null || video.lastFrameAtMs < sinceMs;

  // 14
  if (slow !== null && !flows) {
    return view({
      row: 14,
      state: 'degraded',
      word: 'paused, your network is too slow',
      picture: stale,
      cover: {
        title: 'Paused: your network is too slow',
        text: `${slow.sentence}${
          slow.retryAtMs === null ? '' : ` Trying again in ${countdown(slow.retryAtMs, nowMs)}.`
        }`,
        more: lastPicture,
        busy: false,
        action: { id: 'try-now', label: 'Try now' },
      },
      says: polite('paused, your network is too slow'),
    });
  }

  // 11
  if (noFrameYet && !flows && waitedMs < FIRST_FRAME_MS && subscription.recovery === null) {
    return view({
      row: 11,
      state: 'connecting',
      word: 'connecting',
      picture: stale,
      steps: subscription.stepsDone,
      cover: {
        title: 'Connecting',
        text: STEP_TEXT[subscription.waitsFor],
        more: lastPicture,
        busy: false,
        action: null,
      },
      says: waitedMs < FLOWS_MS ? null : polite('connecting'),
    });
  }

  // 12
  if (!flows) {
    return view({
      row: 12,
      state: 'connecting',
      word: 'picture interrupted',
      picture: stale,
      cover: {
        title: noFrameYet ? 'Still no picture' : 'Picture interrupted',
        text: ladderText(subscription, nowMs),
        more: lastPicture,
        busy: false,
        action: { id: 'try-now', label: 'Try now' },
      },
      says: polite(noFrameYet ? 'still no picture' : 'picture interrupted'),
    });
  }

  // 15
  if (video.trouble !== null && nowMs - video.trouble.lastBadAtMs < CLEAN_MS) {
    return view({
      row: 15,
      state: 'degraded',
      word: 'live, degraded',
      picture: 'shown',
      why: video.trouble.text,
      says: polite(`degraded, ${video.trouble.text}`),
    });
  }

  // 16
  return view({ row: 16, state: 'live', word: 'live', picture: 'shown' });
}

const STEP_TEXT: Record<SubscriptionFacts['waitsFor'], string> = {
  access: 'Asking the server for access.',
  relay: 'Opening the relay.',
  camera: 'Waiting for the camera.',
  picture: 'Waiting for the first picture from the camera.',
};

function drySince(
  device: DeviceFacts,
  subscription: SubscriptionFacts,
): { sinceMs: number; message: string | null } | null {
  return device.noVideo ?? subscription.sourceLost;
}

function noPicture(
  device: DeviceFacts,
  dry: { sinceMs: number; message: string | null },
  nowMs: number,
  polite: (text: string) => TileView['says'],
): TileView {
  return view({
    row: 13,
    state: 'degraded',
    word: 'online, no picture',
    cover: {
      title: 'Online, no picture',
      text: dry.message ?? `The tunnel is up, but no video has come for ${duration(nowMs - dry.sinceMs)}.`,
      more: null,
      busy: false,
      action: { id: 'why-black', label: 'Why is it black?' },
    },
    says: device.state === 'online' ? polite('online, no picture') : polite('no picture'),
  });
}

function ladderText(subscription: SubscriptionFacts, nowMs: number): string {
  const { recovery, sourceLost } = subscription;
  if (sourceLost !== null) return sourceLost.message;
  if (recovery === null) return 'Waiting for the next picture.';
  const at = clock(recovery.takenAtMs);
  const next = countdown(recovery.nextAtMs, nowMs);
  switch (recovery.rung) {
    case 'key-frame':
      return `Key frame asked at ${at}. Next step in ${next}.`;
    case 'ice-restart':
      return `Path to the relay renewed at ${at}. New connection in ${next}.`;
    case 'new-session':
      return `New connection at ${at}, try ${String(Math.max(1, recovery.attempt - 2))}. Next in ${next}.`;
  }
}

function refusalTitle(code: string): string {
  switch (code) {
    case 'room_full':
    case 'room_limit':
    case 'track_limit':
      return 'This server is full';
    case 'rate_limited':
      return 'Too many requests';
    case 'forbidden':
    case 'unauthorized':
      return 'You may not watch this camera';
    case 'kicked':
      return 'Your view was ended';
    default:
      return 'The server refused the picture';
  }
}
