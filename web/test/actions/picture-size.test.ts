/** The size a picture is asked for. */
import t from 'tap';
import { askedLines, shownLines } from '../../src/actions/picture-size.ts';

t.test('lines of a picture that is shown whole in its box', (t) => {
  const wide = { width: 1280, height: 720 };
  t.equal(shownLines({ width: 320, height: 180 }, wide, 1), 180);
  t.equal(shownLines({ width: 320, height: 180 }, wide, 2), 360, 'in device pixels');
  t.equal(shownLines({ width: 400, height: 900 }, wide, 1), 225, 'bars above and below show nothing');
  t.equal(shownLines({ width: 320, height: 180 }, { width: 720, height: 1280 }, 1), 180, 'portrait');
  t.equal(shownLines({ width: 160, height: 200 }, { width: 0, height: 0 }, 1), 90, 'unknown: 16:9');
  t.end();
});

t.test('steps', (t) => {
  t.equal(askedLines(1), 90);
  t.equal(askedLines(180), 180);
  t.equal(askedLines(225), 180, 'a little stretched');
  t.equal(askedLines(226), 270);
  t.equal(askedLines(2700), 2160);
  t.equal(askedLines(2701), null, 'all there are');
  t.end();
});
