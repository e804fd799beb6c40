/** What every row of the tile's state table is given. */
import type { DeviceFacts, PageFacts, SubscriptionFacts, TileView, VideoFacts } from './tile-facts.ts';

/** A picture whose last frame is older does not flow. */
export const FLOWS_MS = 2000;

export type Facts = {
  device: DeviceFacts;
  subscription: SubscriptionFacts;
  video: VideoFacts;
  page: PageFacts;
  nowMs: number;
  /** Stands still while live data is interrupted. */
  deviceNowMs: number;
  flows: boolean;
  /** When the last frame came, in words. */
  lastPicture: string | null;
  /** What is drawn of a picture that does not flow. */
  stale: 'none' | 'shaded';
  waitedMs: number;
  /** Since the wish to see it began. */
  noFrameYet: boolean;
  polite: (text: string) => TileView['says'];
};

/** Null: it does not apply. */
export type Row = (facts: Facts) => TileView | null;

export function view(draft: Partial<TileView> & Pick<TileView, 'row' | 'state' | 'word'>): TileView {
  return { cover: null, picture: 'none', steps: null, why: null, says: null, ...draft };
}
