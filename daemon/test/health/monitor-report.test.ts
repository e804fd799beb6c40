import t from 'tap';
import { monitorReport, perSecond, type ReportSource } from '../../health/monitor-report.ts';
import type { Clock } from '../../kit/clock.ts';
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
    probe: (name) => (name === 'down' ? Promise.resolve({ turn: null, sfu: null }) : Promise.resolve(null)),
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
