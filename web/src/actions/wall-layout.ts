/** Wall maths of the design: the grid with the widest 16:9 tile, its pages, and who plays. Pure. */

export type Density = 1 | 4 | 9 | 16 | 'auto';
export const DENSITIES: readonly Density[] = [1, 4, 9, 16, 'auto'];

export type Box = { width: number; height: number };
export type Grid = { columns: number; rows: number; tileWidth: number };

/** A tile below this width is not worth a place: the wall pages instead. */
export const MIN_TILE_WIDTH = 200;

/**
 * For `columns` in 1..count: the greatest tile width wins, ties take fewer empty cells.
 * @param box inside the padding, CSS pixels.
 */
export function gridFor(count: number, box: Box, gap: number): Grid {
  let best: Grid = { columns: 1, rows: Math.max(1, count), tileWidth: 0 };
  let bestEmpty = Number.POSITIVE_INFINITY;
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const wide = (box.width - (columns - 1) * gap) / columns;
    const high = ((box.height - (rows - 1) * gap) / rows) * (16 / 9);
    const tileWidth = Math.max(0, Math.floor(Math.min(wide, high)));
    const empty = columns * rows - count;
    if (tileWidth > best.tileWidth || (tileWidth === best.tileWidth && empty < bestEmpty)) {
      best = { columns, rows, tileWidth };
      bestEmpty = empty;
    }
  }
  return best;
}

/** Tiles on one page: what was chosen, or all up to 16 (25 from 1920 px), but none below the smallest width. */
export function tilesPerPage(
  density: Density,
  cameras: number,
  box: Box,
  gap: number,
  viewportWidth: number,
): number {
  const most = viewportWidth >= 1920 ? 25 : 16;
  let count = density === 'auto' ? Math.max(1, Math.min(cameras, most)) : density;
  while (count > 1 && gridFor(count, box, gap).tileWidth < MIN_TILE_WIDTH) count--;
  return count;
}

export type Paging = { page: number; pages: number; first: number; end: number };

/** @param page zero-based; clamped. `first` inclusive, `end` exclusive. */
export function paging(total: number, perPage: number, page: number): Paging {
  const pages = Math.max(1, Math.ceil(total / perPage));
  const clamped = Math.min(Math.max(0, page), pages - 1);
  return { page: clamped, pages, first: clamped * perPage, end: Math.min(total, (clamped + 1) * perPage) };
}

export type Device = { coarsePointer: boolean; saveData: boolean; viewportWidth: number };

/** Pictures that may play at once. */
export function playBudget(device: Device): number {
  if (device.saveData) return 4;
  if (device.coarsePointer) return 6;
  return device.viewportWidth >= 1920 ? 25 : 16;
}

/** Who plays: visible tiles in reading order, the focused one first, up to the budget. */
export function chosenToPlay(
  ids: readonly string[],
  visible: ReadonlySet<string>,
  focused: string | null,
  budget: number,
): Set<string> {
  const order = ids.filter((id) => visible.has(id));
  if (focused !== null && visible.has(focused)) {
    order.splice(order.indexOf(focused), 1);
    order.unshift(focused);
  }
  return new Set(order.slice(0, budget));
}

/** Where an arrow, Home or End goes in a grid of `count` tiles. */
export function movedFocus(key: string, index: number, count: number, columns: number): number {
  switch (key) {
    case 'ArrowRight':
      return Math.min(count - 1, index + 1);
    case 'ArrowLeft':
      return Math.max(0, index - 1);
    case 'ArrowDown':
      return index + columns < count ? index + columns : index;
    case 'ArrowUp':
      return index - columns >= 0 ? index - columns : index;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return index;
  }
}
