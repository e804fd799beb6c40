/**
 * Which encoding of each layered track a viewer gets: the smallest that fills the size it is shown at, as far
 * as the path carries it. Pure.
 */

/** One encoding of a track. */
export type Layer = {
  bitsPerSecond: number;
  /** null until a key frame told it. */
  height: number | null;
  /** False while the sender sends nothing of it. */
  isActive: boolean;
};

export type LayeredTrack = {
  /** From the smallest to the largest. */
  layers: readonly Layer[];
  /** Pixels the viewer shows it at; undefined: as large as there is. */
  height: number | undefined;
  /** Index of what it gets now, -1 for nothing. */
  current: number;
};

/** What goes up must fit with room to spare, or it would come down with the next breath of the estimate. */
export const UP_MARGIN = 1.15;
/** What is there stays while the estimate is this little too small. */
const KEEP_MARGIN = 0.95;

/** The largest layer worth sending; -1 when none is active. */
export function largestUseful(track: LayeredTrack): number {
  let best = -1;
  for (const [index, layer] of track.layers.entries()) {
    if (!layer.isActive) continue;
    best = index;
    if (track.height !== undefined && layer.height !== null && layer.height >= track.height) break;
  }
  return best;
}

/** What a layer counts against the budget. */
export function costOf(track: LayeredTrack, index: number): number {
  const layer = track.layers[index];
  if (layer === undefined) return 0;
  return layer.bitsPerSecond * (index > track.current ? UP_MARGIN : KEEP_MARGIN);
}

/** The next active layer above, or -1. */
export function nextLayer(track: LayeredTrack, index: number, most: number): number {
  for (let at = index + 1; at <= most; at += 1) if (track.layers[at]?.isActive === true) return at;
  return -1;
}

/**
 * Every track gets its smallest layer; then they rise in turn, the largest on screen first, while the budget
 * lasts. A track without an active layer gets -1.
 * @param budget bits per second for these tracks; undefined when nothing is known: then the size decides.
 */
export function allocateLayers(tracks: readonly LayeredTrack[], budget: number | undefined): number[] {
  const most = tracks.map(largestUseful);
  if (budget === undefined) return most;
  const chosen = tracks.map((track, at) => nextLayer(track, -1, most[at] ?? -1));
  let left = budget;
  for (const [at, track] of tracks.entries()) left -= costOf(track, chosen[at] ?? -1);
  const order = [...tracks.keys()].sort(
    (a, b) => (tracks[b]?.height ?? Infinity) - (tracks[a]?.height ?? Infinity) || a - b,
  );
  for (let hasRisen = true; hasRisen;) {
    hasRisen = false;
    for (const at of order) {
      const track = tracks[at];
      if (track === undefined) continue;
      const index = chosen[at] ?? -1;
      const next = nextLayer(track, index, most[at] ?? -1);
      if (next === -1) continue;
      const extra = costOf(track, next) - costOf(track, index);
      if (extra > left) continue;
      left -= extra;
      chosen[at] = next;
      hasRisen = true;
    }
  }
  return chosen;
}
