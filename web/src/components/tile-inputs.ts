/** Gathers what the tile's one decision needs, for the wall and for the camera page. */
import { deviceFacts } from '../actions/live-state.ts';
import type { TileView } from '../actions/tile-facts.ts';
import { tileView } from '../actions/tile-view.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { CameraFeed } from '../resources/camera-feed.ts';

/** @returns null before live data has come. */
export function currentView(
  context: ConsoleContext,
  feed: CameraFeed | null,
  cameraId: string,
  plays: boolean,
): TileView | null {
  const { data, state } = context.live;
  const facts = data === null ? null : deviceFacts(data, cameraId);
  if (facts === null || feed === null) return null;
  return tileView(
    facts,
    feed.subscription(),
    feed.video,
    { plays, liveDownSinceMs: state.downSinceMs },
    context.timers.now(),
  );
}

/** What a network team needs to open, as text for the clipboard. */
export function networkRequest(transports: readonly string[], host: string): string {
  return [
    `Please allow video from ${host} (WebRTC over TURN).`,
    `Needed from this network to that host, one is enough: ${transports.join(', ')}.`,
    'udp gives the best picture; tls works where only HTTPS-like traffic is allowed.',
  ].join('\n');
}
