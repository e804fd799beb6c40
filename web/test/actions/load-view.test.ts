import t from 'tap';
import type { Load, NamespaceLoad } from '../../../daemon/contract/load.ts';
import {
  dropRows,
  gauge,
  hostFacts,
  namespaceReport,
  newest,
  rate,
  scaleTop,
  serviceRows,
  shownSpanMs,
  SPAN_MS,
  withSample,
  type Sample,
} from '../../src/actions/load-view.ts';
import { isBehind, pastPlots, plots, plotSentence, tableRows } from '../../src/actions/load-plots.ts';

const AT = Date.parse('2026-09-14T14:00:00.000Z');
type Turn = NonNullable<NamespaceLoad['turn']>;
type Sfu = NonNullable<NamespaceLoad['sfu']>;
const turn = (change: Partial<Turn> = {}): Turn => ({
  process: { cpuSeconds: 1, rssBytes: 60e6 },
  allocations: 2,
  relayed: { packets: 0, bytes: 0 },
  drops: {},
  ...change,
});
const sfu = (change: Partial<Sfu> = {}): Sfu => ({
  process: { cpuSeconds: 2, rssBytes: 90e6 },
  sessions: 3,
  rooms: 1,
  publishers: 1,
  subscriptions: 3,
  forwarded: { packets: 0, bytes: 0 },
  drops: {},
  ...change,
});
const sample = (seconds: number, namespaces: NamespaceLoad[]): Sample => ({
  atMs: AT + seconds * 1000 + 7,
  load: { at: new Date(AT + seconds * 1000).toISOString(), host: null, namespaces } satisfies Load,
});
const nordwerk = (bytes: number, change: Partial<NamespaceLoad> = {}): NamespaceLoad => ({
  namespace: 'nordwerk',
  turn: turn(),
  sfu: sfu({ forwarded: { packets: bytes / 1000, bytes } }),
  ...change,
});

t.test('rates: growth per second; a restart, a silence and a gap have no number', (t) => {
  const pick = (one: NamespaceLoad): number | null => one.sfu?.forwarded.bytes ?? null;
  const samples = [
    sample(0, [nordwerk(1000)]),
    sample(2, [nordwerk(5000)]),
    sample(4, [nordwerk(100)]),
    sample(6, [nordwerk(0, { sfu: null })]),
    sample(8, [nordwerk(500)]),
    sample(10, [nordwerk(700)]),
    sample(60, [nordwerk(9000)]),
  ];
  t.same(
    rate(samples, null, pick).map(({ value }) => value),
    [null, 2000, null, null, null, 100, null],
  );
  t.same(
    gauge(samples.slice(2, 4), 'nordwerk', pick).map(({ value }) => value),
    [100, null],
  );
  t.equal(newest(rate(samples, 'another', pick)), null);
  t.end();
});

t.test('all namespaces are a sum; one that is silent does not hide the others', (t) => {
  const hofgut = (sessions: number | null): NamespaceLoad => ({
    namespace: 'hofgut',
    turn: null,
    sfu: sessions === null ? null : sfu({ sessions }),
  });
  const samples = [sample(0, [nordwerk(0), hofgut(4)]), sample(2, [nordwerk(0), hofgut(null)])];
  const [viewers] = plots(samples, null);
  t.same(
    viewers?.points.map(({ value }) => value),
    [7, 3],
  );
  t.equal(
    plotSentence(viewers!, 3),
    'Viewers: 3 viewers now, between 3 viewers and 7 viewers in the time shown.',
  );
  t.equal(plotSentence({ ...viewers!, points: [] }, null), 'Viewers: no number yet.');
  t.same(
    plots(samples, 'hofgut')[0]?.points.map(({ value }) => value),
    [4, null],
  );
  t.end();
});

t.test('ten minutes are kept', (t) => {
  const first = sample(0, []);
  const later = { ...sample(0, []), atMs: first.atMs + SPAN_MS };
  t.same(withSample([first], later), [later]);
  t.same(withSample([first], sample(2, [])), [first, sample(2, [])]);
  t.end();
});

t.test('a plot shows as little of the past as its samples need', (t) => {
  const at = (agoMs: number): number => shownSpanMs([{ ...sample(0, []), atMs: AT - agoMs }], AT) / 60_000;
  t.same([0, 59_000, 61_000, 180_000, 400_000, 900_000].map(at), [1, 1, 2, 5, 10, 10]);
  t.equal(shownSpanMs([], AT), 60_000);
  t.end();
});

t.test('the top of a plot is a round number', (t) => {
  const top = (value: number): number => scaleTop([{ atMs: 0, value }], 5);
  t.same([0, 5, 6, 18, 21, 60, 1001].map(top), [5, 5, 10, 20, 50, 100, 2000]);
  t.end();
});

t.test('services and drops', (t) => {
  const at = (cpuSeconds: number, dropped: number, more: Record<string, number> = {}): NamespaceLoad =>
    nordwerk(0, {
      turn: turn({
        process: { cpuSeconds, rssBytes: 61e6 },
        drops: { 'no-permission': dropped, 'rate-limited': 50, 'not-turn': 0, ...more },
      }),
    });
  const samples = [sample(0, [at(1, 3)]), sample(2, [at(1.5, 23, { kernel: 4 })])];
  const [first, second] = serviceRows(samples, null);
  t.match(first, { namespace: 'nordwerk', service: 'turn', answers: true });
  t.equal(newest(first!.cpu), 25, 'percent of one processor');
  t.equal(newest(first!.memory), 61e6);
  t.equal(second?.service, 'sfu');
  t.same(
    dropRows(samples, null).map(({ reason, total, points }) => [reason, total, newest(points)]),
    [
      ['no-permission', 23, 10],
      ['kernel', 4, 2],
      ['rate-limited', 50, 0],
    ],
    'what grows now first, what never happened not at all',
  );
  t.equal(dropRows(samples, null)[0]?.text, 'a peer without permission');
  t.same(serviceRows([], null), []);
  t.end();
});

t.test('the report in words', (t) => {
  const on = { name: 'nordwerk', webrtc: 'enabled' } as const;
  const samples = [sample(0, [nordwerk(0)]), sample(2, [nordwerk(600_000)])];
  t.same(namespaceReport(samples, on), {
    state: 'live',
    sentence: '3 viewers in 1 room, 2 relays open, 2.40 Mbit/s to viewers.',
  });
  t.match(namespaceReport(samples, { ...on, webrtc: 'disabled' }), { state: 'idle' });
  t.match(namespaceReport([], on), { state: 'unknown', sentence: 'No answer yet.' });
  t.same(namespaceReport([sample(0, [nordwerk(0, { turn: null })])], on), {
    state: 'error',
    sentence: 'TURN does not answer. 3 viewers in 1 room.',
  });
  t.match(namespaceReport([sample(0, [nordwerk(0, { turn: null, sfu: null })])], on), {
    sentence: 'Neither TURN nor SFU answers.',
  });
  t.end();
});

t.test('the host, and the table of numbers', (t) => {
  const facts = hostFacts(
    {
      name: 'keep-1',
      cpus: 2,
      loadAverage: 0.5,
      upSeconds: 7200,
      memory: { totalBytes: 4e9, availableBytes: 1e9 },
      disk: { path: '/var/lib/turnkeep', freeBytes: 1e9, totalBytes: 4e9 },
      daemon: { cpuSeconds: 1, rssBytes: 92e6, startedAt: new Date(AT).toISOString() },
    },
    AT,
  );
  t.match(facts[0], { text: 'load 0.50 on 2 processors', ratio: 0.25 });
  t.match(facts[1], { text: '3.0 GB of 4.0 GB taken', ratio: 0.75 });
  t.match(facts[3], { text: 'up 2 h' });
  const samples = [0, 2, 4, 12, 14].map((seconds) => sample(seconds, [nordwerk(seconds * 1000)]));
  const rows = tableRows(plots(samples, null), { live: true, nowMs: AT });
  t.same(
    rows.map(({ atMs }) => (atMs - 7 - AT) / 1000),
    [14, 4],
    'newest first, ten seconds apart',
  );
  t.same(rows[0]?.cells, ['3 viewers', '8 kbit/s', '1 packets/s', '0 kbit/s']);
  t.end();
});

t.test('the past: a step that is missing is a gap, namespaces are summed', (t) => {
  const at = [0, 1, 4].map((minute) => new Date(AT + minute * 60_000).toISOString());
  const series = { viewers: [1, 2, null], sentBytes: [null, 125_000, 250_000] };
  const more = { sentPackets: [1, 1, 1], relayedBytes: [0, 0, 0] };
  const history = {
    ...{ span: '1h' as const, stepSeconds: 60, at },
    namespaces: [
      { namespace: 'nordwerk', ...series, ...more },
      { namespace: 'hofgut', ...series, ...more },
    ],
  };
  const [viewers, sent] = pastPlots(history, null);
  t.same(
    viewers?.points.map(({ atMs, value }) => [(atMs - AT) / 1000, value]),
    [
      [30, 2],
      [90, 4],
      [120, null],
      [270, null],
    ],
  );
  t.same(
    sent?.points.map(({ value }) => value),
    [null, 2_000_000, null, 4_000_000],
    'in bits',
  );
  t.equal(pastPlots(history, 'hofgut')[1]?.points[1]?.value, 1_000_000);
  const rows = tableRows(pastPlots(history, null), { live: false, nowMs: AT });
  t.same(
    rows.map(({ cells }) => cells[1]),
    ['4.00 Mbit/s', '2.00 Mbit/s', '–'],
    'newest first, without the gap',
  );
  t.notOk(isBehind(history, sample(5 * 60, [nordwerk(0)])));
  t.ok(isBehind(history, sample(7 * 60, [nordwerk(0)])));
  t.ok(isBehind(history, sample(5 * 60, [{ ...nordwerk(0), namespace: 'new' }])));
  t.end();
});
