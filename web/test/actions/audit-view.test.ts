import t from 'tap';
import type { AuditEntry, AuditVerification } from '../../../daemon/contract/audit.ts';
import {
  actionText,
  AUDIT_ACTIONS,
  auditLine,
  byDay,
  fingerprint,
  verificationText,
} from '../../src/actions/audit-view.ts';
import { accessPath, metricsPath, parseRoute } from '../../src/actions/route.ts';

const HASH = '9f3c71abe04d'.padEnd(64, '0');
const entry = (change: Partial<AuditEntry>): AuditEntry => ({
  seq: 1,
  at: '2026-09-14T14:02:19.000Z',
  actor: 'mara',
  action: 'camera.watch',
  namespace: null,
  subject: null,
  outcome: 'ok',
  detail: {},
  prevHash: HASH,
  hash: HASH,
  ...change,
});
const NAMES = {
  names: new Map([
    ['cam-1', 'Yard gate'],
    ['key:k1', 'Billing (key of hofgut)'],
  ]),
};
const told = (change: Partial<AuditEntry>): string => {
  const { who, before, object, after, detail, refusal } = auditLine(entry(change), NAMES);
  return `${who} ${before}${object === '' ? '' : ` ${object}`}${after} | ${detail}${refusal === null ? '' : ` | ${refusal.label}`}`;
};

t.test('lines in words: names of cameras and keys, what is known besides', (t) => {
  t.equal(
    told({ subject: 'cam-1', namespace: 'nordwerk', detail: { address: '192.0.2.14' } }),
    'mara started watching Yard gate | nordwerk, 192.0.2.14',
  );
  t.equal(
    told({
      action: 'camera.watched',
      actor: 'key:k1',
      subject: 'cam-1',
      detail: { from: '2026-09-14T13:33:00.000Z', to: '2026-09-14T13:51:04.000Z' },
    }),
    'Billing (key of hofgut) stopped watching Yard gate | 18 min',
  );
  t.equal(told({ action: 'api-key.delete', subject: 'k1' }), 'mara revoked the API key Billing | ');
  t.equal(
    told({ actor: 'local', action: 'session.open', detail: { way: 'code' } }),
    'Command line signed in | by code',
  );
  t.equal(
    told({ action: 'something.new', subject: 'x' }),
    'mara something.new x | ',
    'what is not known is shown as it is',
  );
  t.equal(
    told({ action: 'user.change', subject: 'jonas', detail: { disabled: true, role: 'viewer' } }),
    'mara changed the user jonas | viewer, disabled',
  );
  t.end();
});

t.test('refusals stand out, those across tenants most', (t) => {
  t.equal(
    told({
      actor: 'key:k1',
      action: 'tenant.cross',
      namespace: 'nordwerk',
      outcome: 'refused',
      detail: { of: 'hofgut', route: 'GET /v1/namespaces/:namespace', address: '192.0.2.9' },
    }),
    'Billing (key of hofgut) was refused: reached for another tenant: asked for nordwerk | key of hofgut, GET /v1/namespaces/:namespace, 192.0.2.9 | Other tenant',
  );
  t.equal(
    told({
      actor: '-',
      action: 'session.open',
      subject: 'jonas',
      outcome: 'refused',
      detail: { address: '203.0.113.90' },
    }),
    '203.0.113.90 was refused: signed in jonas |  | Refused',
  );
  t.equal(told({ action: 'webrtc.enable', outcome: 'failed' }), 'mara failed: enabled WebRTC |  | Failed');
  t.end();
});

t.test('the filter lists every action in words, each once', (t) => {
  const texts = AUDIT_ACTIONS.map(actionText);
  t.equal(new Set(texts).size, texts.length);
  t.equal(actionText('camera.rotate'), 'Was shown a new secret for');
  t.equal(actionText('x.y'), 'x.y');
  t.end();
});

t.test('days', (t) => {
  const nowMs = new Date(2026, 8, 14, 14).getTime();
  const at = (...date: [number, number, number, number]): AuditEntry =>
    entry({ at: new Date(...date).toISOString() });
  const days = byDay(
    [at(2026, 8, 14, 13), at(2026, 8, 14, 1), at(2026, 8, 13, 23), at(2026, 7, 2, 1), at(2025, 7, 2, 1)],
    nowMs,
  );
  t.same(
    days.map(({ title, entries }) => `${title}: ${entries.length}`),
    ['Today, 14 September: 2', 'Yesterday, 13 September: 1', '2 August: 1', '2 August 2025: 1'],
  );
  t.end();
});

t.test('what verify says', (t) => {
  const result: AuditVerification = {
    intact: true,
    lines: 48_213,
    first: 1,
    last: 48_213,
    mark: `48213:${HASH}`,
    problems: [],
  };
  t.equal(verificationText(result).title, 'Nothing was changed: all 48\u00a0213 entries fit together.');
  t.equal(fingerprint(result.mark!), 'line 48\u00a0213, 9f3c 71ab e04d');
  const problem = { seq: 7, kind: 'changed' as const, message: 'line 7 was changed.' };
  t.match(verificationText({ ...result, intact: false, problems: [problem] }), {
    kind: 'error',
    title: 'The audit was changed: line 7 was changed.',
  });
  t.match(verificationText({ ...result, intact: false, problems: [problem, problem] }), { text: /^1 more/ });
  t.equal(verificationText({ ...result, lines: 0, mark: null }).title, 'The audit is empty.');
  t.end();
});

t.test('addresses of the pages', (t) => {
  t.same(parseRoute('/access', ''), { page: 'access', tab: 'users' });
  t.same(parseRoute(accessPath('audit'), ''), { page: 'access', tab: 'audit' });
  t.equal(parseRoute('/access/else', '').page, 'not-found');
  t.equal(parseRoute('/health', '').page, 'health');
  t.same(parseRoute('/load', '?ns=nordwerk&view=table'), {
    page: 'metrics',
    namespace: 'nordwerk',
    view: 'table',
    span: '1h',
  });
  const there = { namespace: 'nordwerk', view: 'table', span: '24h' } as const;
  t.equal(metricsPath(there), '/load?ns=nordwerk&view=table&span=24h');
  t.same(parseRoute('/load', '?ns=nordwerk&view=table&span=24h'), { page: 'metrics', ...there });
  t.equal(metricsPath({ namespace: null, view: 'plots', span: '1h' }), '/load');
  t.end();
});
