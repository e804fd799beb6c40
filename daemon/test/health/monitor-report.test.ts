import t from 'tap';
import { monitorReport, perSecond, type ReportSource } from '../../health/monitor-report.ts';
import type { SfuStatus } from '../../contract/control.ts';
import type { Clock } from '../../kit/clock.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FakeNamespaces } from '../helpers/fake-domain.ts';

/** Waits are over at once. */
const clock: Clock = {
  nowMs: () => 0,
  after: (_delayMs, fn) => {
    const soon = setImmediate(fn);
    return () => {
      clearImmediate(soon);
    };
  },
};

t.test('a rate needs two counts of one process', (t) => {
  t.equal(perSecond(100, 350, 0.5), 500);
  t.equal(perSecond(undefined, 350, 1), null);
  t.equal(perSecond(100, undefined, 1), null);
  t.equal(perSecond(350, 100, 1), null, 'it counts from zero: another process');
  t.end();
});

t.test('who is up, who is down, and who is not set up at all', async (t) => {
  const fakes = new FakeNamespaces(['down', 'gone', 'hidden', 'off']);
  const view = (up: 'up' | 'down' | 'unknown', sentence: string) => ({
    up,
    sentence,
    pid: 1,
    since: null,
    restarts: 0,
  });
  const source: ReportSource = {
    list: () => fakes.list(),
    probeTurn: () => Promise.resolve(null),
    probeSfu: () => Promise.resolve(null),
    status: async (name) => {
      const status = await fakes.status(name);
      if (name === 'gone') throw new Error('deleted');
      if (name === 'off') return status;
      return { ...status, turn: view('unknown', 'TURN: no answer.'), sfu: view('down', 'SFU: stopped.') };
    },
  };
  const { namespaces } = await monitorReport(source, { clock, wanted: (name) => name !== 'hidden' });
  t.strictSame(
    namespaces.map(({ namespace, sfu_up, turn_up, sentences }) => [namespace, sfu_up, turn_up, sentences]),
    [
      ['down', false, false, ['TURN: no answer.', 'SFU: stopped.']],
      ['off', null, null, []],
    ],
  );
});

/** @returns how long `work` takes by a clock that moves only here. */
async function tookMs(clock: FakeClock, work: Promise<unknown>): Promise<number> {
  const startedMs = clock.nowMs();
  const state = { done: false };
  void work.finally(() => {
    state.done = true;
  });
  for (let step = 0; step < 200; step += 1) {
    await new Promise(setImmediate);
    if (state.done) return clock.nowMs() - startedMs;
    clock.advance(50);
  }
  throw new Error('It does not end.');
}

t.test('a service that never answers keeps nobody waiting, and is named', async (t) => {
  const clock = new FakeClock();
  const fakes = new FakeNamespaces(['hung', 'lost', 'well']);
  const view = (up: 'up' | 'unknown', sentence: string) => ({
    up,
    sentence,
    pid: 1,
    since: null,
    restarts: 0,
  });
  const never = new Promise<never>(() => undefined);
  let packets = 0;
  const source: ReportSource = {
    list: () => fakes.list(),
    // As the real one: null when the time is over.
    probeTurn: (_name, limitMs) =>
      new Promise((resolve) =>
        clock.after(limitMs, () => {
          resolve(null);
        }),
      ),
    probeSfu: (name) => {
      packets += 10_000;
      return name === 'well' ? Promise.resolve({ forwarded: { packets, bytes: 0 } } as SfuStatus) : never;
    },
    status: async (name, limitMs) => {
      if (name === 'lost') return never;
      const status = { ...(await fakes.status(name)), sfu: view('up', 'SFU: up.') };
      if (name === 'well') return { ...status, turn: view('up', 'TURN: up.') };
      await new Promise<void>((resolve) => clock.after(limitMs, resolve));
      return { ...status, turn: view('unknown', 'TURN: no answer.') };
    },
  };
  const report = monitorReport(source, { clock, wanted: () => true });
  t.ok((await tookMs(clock, report)) < 2000);
  const rows = (await report).namespaces;
  t.match(rows, [
    {
      namespace: 'hung',
      turn_up: false,
      sfu_up: true,
      sentences: ['TURN: no answer.', 'SFU: up.'],
      sfu_pps: null,
    },
    { namespace: 'lost', turn_up: false, sfu_up: false, sentences: [/could not be found out/] },
    { namespace: 'well', turn_up: true, sfu_up: true, turn_pps: null },
  ]);
  t.type(rows[2]?.sfu_pps, 'number', 'a rate although the other service is silent');
});
