/** The short form of `npm run fuzz -- turn`: a fresh seed each time, named when it finds something. */
import t from 'tap';
import { fuzzTurn } from '../../../scripts/fuzz/turn.ts';

t.setTimeout(100_000);

t.test('mutated traffic on every listener and from the peer', async (t) => {
  const result = await fuzzTurn({ seed: Date.now() % 1_000_000, seconds: 8 });
  t.comment(JSON.stringify(result));
  t.ok(result.inputs > 0);
});
