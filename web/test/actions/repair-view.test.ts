import t from 'tap';
import type { Finding, Repair, RepairReport } from '../../../daemon/contract/diagnosis.ts';
import { isRepairable, repairHeadline, repairRows } from '../../src/actions/repair-view.ts';

const NOW = new Date(2026, 8, 14, 14, 5).getTime();
const report = (...repairs: Repair[]): RepairReport => ({
  at: new Date(2026, 8, 14, 14, 2).toISOString(),
  ok: repairs.every(({ problem }) => problem === ''),
  repairs,
});
const mended: Repair = {
  what: 'dns',
  subject: 'turn.example.com',
  found: 'turn.example.com has 192.0.2.66 instead of 192.0.2.7.',
  problem: '',
};
const failed: Repair = {
  what: 'firewall',
  subject: 'host',
  found: 'The table inet turnkeep is gone.',
  problem: 'nft is not installed.',
};

t.test('a repair is offered for failures of DNS and firewall, and for nothing else', (t) => {
  const finding = (check: string, severity: Finding['severity']): Finding => ({
    check,
    subject: 'host',
    severity,
    sentence: 'It is so.',
    remedy: null,
  });
  t.ok(isRepairable(finding('dns', 'failure')));
  t.ok(isRepairable(finding('firewall', 'failure')));
  t.notOk(isRepairable(finding('firewall', 'ok')));
  t.notOk(isRepairable(finding('certificates', 'failure')));
  t.end();
});

t.test('what was not mended is told first, with its reason', (t) => {
  t.same(repairRows(report(mended, failed)), [
    {
      state: 'error',
      sentence: 'Firewall: The table inet turnkeep is gone.',
      word: 'not mended',
      problem: 'nft is not installed.',
    },
    {
      state: 'live',
      sentence: 'DNS: turn.example.com has 192.0.2.66 instead of 192.0.2.7.',
      word: 'mended',
      problem: '',
    },
  ]);
  t.end();
});

t.test('one sentence says what came of it', (t) => {
  const title = (...repairs: Repair[]): string =>
    repairHeadline({ phase: 'done', report: report(...repairs) }, NOW).title;
  t.equal(title(), 'There was nothing to mend.');
  t.equal(title(mended), '1 thing was mended.');
  t.equal(title(mended, mended), '2 things were mended.');
  t.equal(title(mended, failed), '1 thing of 2 could not be mended.');
  t.match(repairHeadline({ phase: 'done', report: report() }, NOW).text, /Looked today 14:02\.$/);
  t.same(repairHeadline({ phase: 'refused', why: 'This needs the role operator; you have viewer.' }, NOW), {
    title: 'Nothing was repaired.',
    text: 'This needs the role operator; you have viewer.',
  });
  t.match(repairHeadline({ phase: 'running' }, NOW).text, /go on/);
  t.end();
});
