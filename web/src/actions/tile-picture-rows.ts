/** Rows 11 to 16: whether frames flow, and what is being done about it. */
import type { SubscriptionFacts, TileView } from './tile-facts.ts';
import { FLOWS_MS, view, type Facts, type Row } from './tile-row.ts';
import { clock, countdown, duration } from './wording.ts';

const FIRST_FRAME_MS = 10_000;
const NO_VIDEO_MS = 10_000;
const CLEAN_MS = 15_000;

export const PICTURE_ROWS: readonly Row[] = [noPicture, slow, connecting, interrupted, troubled, live];

/** 13, when the server itself says that the camera sends nothing: before a wait that would be in vain. */
function noPicture({ device, subscription, flows, deviceNowMs, polite }: Facts): TileView | null {
  const dry = device.noVideo ?? subscription.sourceLost;
  if (flows || subscription.slow !== null || dry === null) return null;
  if (deviceNowMs - dry.sinceMs <= NO_VIDEO_MS) return null;
  return view({
    row: 13,
    state: 'degraded',
    word: 'online, no picture',
    cover: {
      title: 'Online, no picture',
      text:
        dry.message ?? `The tunnel is up, but no video has come for ${duration(deviceNowMs - dry.sinceMs)}.`,
      more: null,
      busy: false,
      action: { id: 'why-black', label: 'Why is it black?' },
    },
    says: device.state === 'online' ? polite('online, no picture') : polite('no picture'),
  });
}

/** 14 */
function slow({ subscription, flows, stale, nowMs, lastPicture, polite }: Facts): TileView | null {
  const { slow } = subscription;
  if (slow === null || flows) return null;
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

/** 11 */
function connecting(facts: Facts): TileView | null {
  const { subscription, flows, stale, lastPicture, polite, noFrameYet, waitedMs } = facts;
  if (!noFrameYet || flows || waitedMs >= FIRST_FRAME_MS || subscription.recovery !== null) return null;
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

/** 12 */
function interrupted(facts: Facts): TileView | null {
  const { subscription, flows, stale, nowMs, lastPicture, polite, noFrameYet } = facts;
  if (flows) return null;
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

/** 15 */
function troubled({ video, nowMs, polite }: Facts): TileView | null {
  if (video.trouble === null || nowMs - video.trouble.lastBadAtMs >= CLEAN_MS) return null;
  return view({
    row: 15,
    state: 'degraded',
    word: 'live, degraded',
    picture: 'shown',
    why: video.trouble.text,
    says: polite(`degraded, ${video.trouble.text}`),
  });
}

/** 16 */
function live(): TileView {
  return view({ row: 16, state: 'live', word: 'live', picture: 'shown' });
}

const STEP_TEXT: Record<SubscriptionFacts['waitsFor'], string> = {
  access: 'Asking the server for access.',
  relay: 'Opening the relay.',
  camera: 'Waiting for the camera.',
  picture: 'Waiting for the first picture from the camera.',
};

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
