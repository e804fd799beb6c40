/** What a downlink needs of the part that decides which packets of a source its viewer is sent. */
import type { CoreSource, Encoding } from './source.ts';

export interface Feed {
  /** What is sent: a source, or some layers of it. */
  readonly encoding: Encoding | undefined;
  /** Pictures are sent as they come. */
  readonly isLive: boolean;
  /** Pictures that were due since it began, and those of them that were left out for the path's sake. */
  readonly pictures: { due: number; spared: number };
  readonly figures: FeedFigures;
  /** Sends nothing of the old source any more, and nothing of the new one before `start`. */
  setSource(source: CoreSource | undefined): void;
  /** Moves to another encoding at its next key frame; the one under way goes on until then. */
  switchTo(encoding: Encoding, isStopped: boolean, nowMs: number): void;
  /** Begins: with a re-join, where a key frame is needed. */
  start(nowMs: number): void;
  stop(): void;
  onNack(sequenceNumbers: readonly number[], nowMs: number): void;
  onPictureLoss(nowMs: number): void;
}

export type FeedFigures = {
  readonly framesDropped: number;
  readonly framesSpared: number;
  readonly layerSwitches: number;
  readonly bursts: number;
  readonly begins: number;
  readonly firstKeyFrameAtMs: number | null;
};
