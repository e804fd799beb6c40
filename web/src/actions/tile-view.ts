/**
 * The tile: what decides, what it shows, what it says. The rows are those of the design's state table and the first that
 * matches wins. A tile and the player draw what comes out and decide nothing. Pure.
 */
import { CAMERA_ROWS } from './tile-camera-rows.ts';
import type { DeviceFacts, PageFacts, SubscriptionFacts, TileView, VideoFacts } from './tile-facts.ts';
import { PICTURE_ROWS } from './tile-picture-rows.ts';
import { FLOWS_MS, type Facts } from './tile-row.ts';
import { WAY_ROWS } from './tile-way-rows.ts';
import { clock } from './wording.ts';

const LIVE_DOWN_MS = 3000;
const ROWS = [...CAMERA_ROWS, ...WAY_ROWS, ...PICTURE_ROWS];

export function tileView(
  device: DeviceFacts,
  subscription: SubscriptionFacts,
  video: VideoFacts,
  page: PageFacts,
  nowMs: number,
): TileView {
  const { lastFrameAtMs } = video;
  const sinceMs = subscription.sinceMs ?? nowMs;
  // Row 2: while live data is interrupted nothing that comes from it moves on; the page says so once.
  const interrupted = page.liveDownSinceMs !== null && nowMs - page.liveDownSinceMs > LIVE_DOWN_MS;
  const facts: Facts = {
    ...{ device, subscription, video, page, nowMs },
    deviceNowMs: interrupted ? (page.liveDownSinceMs ?? nowMs) : nowMs,
    flows: lastFrameAtMs !== null && nowMs - lastFrameAtMs < FLOWS_MS,
    lastPicture: lastFrameAtMs === null ? null : `Picture from ${clock(lastFrameAtMs)}.`,
    stale: lastFrameAtMs === null ? 'none' : 'shaded',
    waitedMs: nowMs - sinceMs,
    noFrameYet: lastFrameAtMs === null || lastFrameAtMs < sinceMs,
    polite: (text) => ({ text: `${device.name}: ${text}`, politeness: 'polite' }),
  };
  for (const row of ROWS) {
    const view = row(facts);
    if (view !== null) return view;
  }
  throw new Error('The last row always applies.');
}
