/** Whether a viewer that needs a key frame had better wait for the next one. */
import type { Gop } from './gop-cache.ts';
import type { CoreSource } from './source.ts';

/** A key frame due this soon is cheaper than a burst. */
export const KEY_FRAME_DUE_MS = 150;

/** Time until a key frame that is due so soon that a burst does not pay; undefined otherwise. */
export function keyFrameDueMs(source: CoreSource, gop: Gop, nowMs: number): number | undefined {
  const dueMs = source.gops.nextKeyFrameInMs(nowMs);
  if (dueMs === undefined || dueMs < 0 || dueMs > KEY_FRAME_DUE_MS) return undefined;
  // With key frames this dense the cached one is as good.
  return nowMs - gop.startMs > KEY_FRAME_DUE_MS ? dueMs : undefined;
}
