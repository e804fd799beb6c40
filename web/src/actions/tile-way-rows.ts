/** Rows 6 to 10: what stands between the camera and this viewer. */
import type { TileView } from './tile-facts.ts';
import { view, type Facts, type Row } from './tile-row.ts';
import { alternatives, countdown } from './wording.ts';

export const WAY_ROWS: readonly Row[] = [unplayable, refused, blocked, paused, pressToPlay];

/** 6 */
function unplayable({ subscription, polite }: Facts): TileView | null {
  if (subscription.unsupportedCodec === null) return null;
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

/** 7 */
function refused({ subscription, nowMs, stale, lastPicture, polite }: Facts): TileView | null {
  if (subscription.refusal === null) return null;
  const { refusal } = subscription;
  const again = refusal.retryAtMs === null ? '' : ` Trying again in ${countdown(refusal.retryAtMs, nowMs)}.`;
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

/** 8 */
function blocked({ subscription, flows, stale, lastPicture, polite }: Facts): TileView | null {
  if (subscription.blockedTransports === null || flows) return null;
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

/** 9 */
function paused({ page, stale, lastPicture }: Facts): TileView | null {
  if (page.plays) return null;
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

/** 10 */
function pressToPlay({ video, polite }: Facts): TileView | null {
  if (!video.playRejected) return null;
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
