/** What flowed: means and peaks per step, gaps where nobody knows, bounded whatever comes. */
import t from 'tap';
import { LoadHistory } from '../../api/load-history.ts';
import type { Load } from '../../contract/load.ts';

const START_MS = Date.parse('2026-03-01T10:00:00.000Z');
const MINUTE_MS = 60_000;

/** @param sent bytes since the start of the SFU; null: it does not answer. */
function load(atMs: number, sent: number | null, sessions = 1, namespace = 'a'): Load {
  const sfu = {
    ...{ process: null, sessions, rooms: 1, publishers: 1, subscriptions: 1, drops: {} },
    forwarded: { packets: (sent ?? 0) / 100, bytes: sent ?? 0 },
  };
  const turn = { process: null, allocations: 1, relayed: { packets: 0, bytes: (sent ?? 0) * 2 }, drops: {} };
  return {
    at: new Date(atMs).toISOString(),
    host: null,
    namespaces: [{ namespace, turn: sent === null ? null : turn, sfu: sent === null ? null : sfu }],
  };
}

const all = (): boolean => true;

t.test('an hour by minutes, a day by fives', (t) => {
  const history = new LoadHistory();
  for (let minute = 0; minute < 10; minute += 1) {
    history.add(load(START_MS + minute * MINUTE_MS, minute * 6000, minute));
  }
  const hour = history.of('1h', all);
  t.equal(hour.stepSeconds, 60);
  t.equal(hour.at.length, 10);
  t.same(hour.namespaces[0]?.sentBytes, [null, ...Array<number>(9).fill(100)]);
  t.same(hour.namespaces[0]?.relayedBytes.at(-1), 200);
  t.same(hour.namespaces[0]?.sentPackets.at(-1), 1);
  const day = history.of('24h', all);
  t.same(day.at, ['2026-03-01T10:00:00.000Z', '2026-03-01T10:05:00.000Z']);
  t.same(day.namespaces[0]?.sentBytes, [100, 100]);
  t.same(day.namespaces[0]?.viewers, [4, 9], 'the most at once');
  t.same(history.of('7d', () => false).namespaces, [], 'only what the caller may measure');
  t.end();
});

t.test('a service that began anew, did not answer or was not asked has no number', (t) => {
  const history = new LoadHistory();
  const sent = [0, 6000, 600, 6600, null, 9000, 15_000];
  sent.forEach((bytes, minute) => {
    history.add(load(START_MS + minute * MINUTE_MS, bytes));
  });
  history.add(load(START_MS + 12 * MINUTE_MS, 21_000));
  t.same(history.of('1h', all).namespaces[0]?.sentBytes, [null, 100, null, 100, null, null, 100, null]);
  t.equal(history.of('1h', all).namespaces[0]?.viewers[4], null);
  t.end();
});

t.test('it is bounded, and a clock that goes back begins anew', (t) => {
  const history = new LoadHistory();
  for (let hour = 0; hour < 24 * 9; hour += 1) history.add(load(START_MS + hour * 3_600_000, hour));
  t.equal(history.of('1h', all).at.length, 1);
  t.equal(history.of('24h', all).at.length, 24);
  t.ok(history.of('7d', all).at.length <= 336);
  history.add(load(START_MS, 5));
  for (const span of ['1h', '24h', '7d'] as const) t.equal(history.of(span, all).at.length, 1);
  t.end();
});
