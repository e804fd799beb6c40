import t from 'tap';
import { echoes } from '../../health/relay-echo.ts';

/** Answers every request but those in `lost`, in the reverse order of two. */
async function through(count: number, lost: number[], signal = new AbortController().signal) {
  let hear: (frame: Buffer) => void = () => undefined;
  let number = 0;
  return await echoes({
    count,
    signal,
    listen: (onFrame) => {
      hear = onFrame;
    },
    send: () => {
      const mine = (number += 1);
      hear(Buffer.from([0]));
      if (!lost.includes(mine)) setImmediate(() => hear(Buffer.from([mine])));
      return (frame) => frame[0] === mine;
    },
  });
}

t.test('every answer counts once, other frames do not', async (t) => {
  const { sent, lost, rttMs } = await through(5, []);
  t.same([sent, lost], [5, 0]);
  t.ok(rttMs !== null && rttMs.min <= rttMs.average && rttMs.average <= rttMs.max);
});

t.test('what does not come back is lost', async (t) => {
  t.match(await through(4, [1, 3]), { sent: 4, lost: 2 });
  t.strictSame(await through(2, [1, 2]), { sent: 2, lost: 2, rttMs: null });
});

t.test('it ends when the time is over', async (t) => {
  t.match(await through(100, [], AbortSignal.abort()), { sent: 100, lost: 100 });
});
