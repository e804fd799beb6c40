/** Rows 1 to 5: what the camera itself is. */
import { ago, clock, dayAndTime } from './wording.ts';
import type { TileView } from './tile-facts.ts';
import { view, type Facts, type Row } from './tile-row.ts';

const RECONNECTING_MS = 30_000;

export const CAMERA_ROWS: readonly Row[] = [gone, unknownState, reconnecting, offline];

/** 1 */
function gone({ device, polite }: Facts): TileView | null {
  if (device.gone === null) return null;
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

/** 3 */
function unknownState({ device, flows, stale, lastPicture, polite }: Facts): TileView | null {
  if (device.state !== 'unknown' || flows) return null;
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

/** 4 */
function reconnecting(facts: Facts): TileView | null {
  const { device, video, flows, deviceNowMs, lastPicture, polite } = facts;
  const awaySinceMs = device.offlineSinceMs ?? video.lastFrameAtMs;
  if (device.state !== 'offline' || flows || video.lastFrameAtMs === null || awaySinceMs === null)
    return null;
  if (deviceNowMs - Math.max(video.lastFrameAtMs, awaySinceMs) >= RECONNECTING_MS) return null;
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

/** 5 */
function offline({ device, flows, deviceNowMs, nowMs, polite }: Facts): TileView | null {
  if (device.state !== 'offline' || flows) return null;
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
