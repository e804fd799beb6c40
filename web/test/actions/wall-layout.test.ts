/** Wall maths: the drawn walls, and the rules as properties. */
import fc from 'fast-check';
import t from 'tap';
import {
  chosenToPlay,
  gridFor,
  MIN_TILE_WIDTH,
  movedFocus,
  paging,
  playBudget,
  tilesPerPage,
} from '../../src/actions/wall-layout.ts';

const DESK = { width: 1440 - 56 - 20, height: 900 - 52 - 20 };

t.test('the drawn walls', (t) => {
  t.same(gridFor(9, DESK, 6), { columns: 3, rows: 3, tileWidth: 450 });
  t.equal(gridFor(4, DESK, 6).columns, 2);
  t.equal(gridFor(16, DESK, 6).columns, 4);
  t.equal(gridFor(1, DESK, 6).columns, 1);
  t.end();
});

t.test('no other number of columns gives wider tiles, and all fit', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 36 }),
      fc.integer({ min: 320, max: 4000 }),
      fc.integer({ min: 240, max: 2200 }),
      (count, width, height) => {
        const box = { width, height };
        const grid = gridFor(count, box, 6);
        const fits =
          grid.columns * grid.rows >= count &&
          grid.columns * grid.tileWidth + (grid.columns - 1) * 6 <= width &&
          (grid.rows * (grid.tileWidth * 9)) / 16 + (grid.rows - 1) * 6 <= height + 1;
        let widest = 0;
        for (let columns = 1; columns <= count; columns++) {
          const rows = Math.ceil(count / columns);
          widest = Math.max(
            widest,
            Math.floor(
              Math.min((width - (columns - 1) * 6) / columns, (((height - (rows - 1) * 6) / rows) * 16) / 9),
            ),
          );
        }
        return fits && grid.tileWidth === Math.max(0, widest);
      },
    ),
  );
  t.end();
});

t.test('pages instead of tiles below the smallest width', (t) => {
  const small = { width: 640, height: 400 };
  const count = tilesPerPage(16, 40, small, 6, 700);
  t.ok(count < 16 && gridFor(count, small, 6).tileWidth >= MIN_TILE_WIDTH);
  t.equal(tilesPerPage('auto', 12, DESK, 6, 1440), 12);
  t.equal(tilesPerPage('auto', 40, DESK, 6, 1440), 16);
  t.equal(tilesPerPage('auto', 40, { width: 2400, height: 1300 }, 6, 2560), 25);
  t.same(paging(12, 9, 1), { page: 1, pages: 2, first: 9, end: 12 });
  t.equal(paging(12, 9, 7).page, 1, 'a page that is not there is the last');
  t.same(paging(0, 9, 0), { page: 0, pages: 1, first: 0, end: 0 });
  t.end();
});

t.test('who plays', (t) => {
  t.equal(playBudget({ coarsePointer: false, saveData: false, viewportWidth: 1440 }), 16);
  t.equal(playBudget({ coarsePointer: false, saveData: false, viewportWidth: 1920 }), 25);
  t.equal(playBudget({ coarsePointer: true, saveData: false, viewportWidth: 1920 }), 6);
  t.equal(playBudget({ coarsePointer: true, saveData: true, viewportWidth: 375 }), 4);
  const ids = ['a', 'b', 'c', 'd'];
  t.same([...chosenToPlay(ids, new Set(ids), 'd', 2)], ['d', 'a'], 'the focused one first');
  t.same([...chosenToPlay(ids, new Set(['b']), 'a', 2)], ['b'], 'nothing off screen');
  t.end();
});

t.test('arrows, Home and End', (t) => {
  t.equal(movedFocus('ArrowDown', 1, 9, 3), 4);
  t.equal(movedFocus('ArrowDown', 7, 8, 3), 7);
  t.equal(movedFocus('ArrowUp', 1, 9, 3), 1);
  t.equal(movedFocus('ArrowRight', 8, 9, 3), 8);
  t.equal(movedFocus('ArrowLeft', 3, 9, 3), 2);
  t.equal(movedFocus('Home', 5, 9, 3), 0);
  t.equal(movedFocus('End', 5, 9, 3), 8);
  t.end();
});
