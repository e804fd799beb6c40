import t from 'tap';
import type { DoctorReport, DoctorRow, Inspection } from '../../../daemon/contract/diagnosis.ts';
import {
  commandsOf,
  headline,
  joinedReport,
  pathMatrix,
  remedyParts,
  rtt,
} from '../../src/actions/health-view.ts';
import { blockText, listenerState, takenText } from '../../src/actions/ports-view.ts';

const row = (change: Partial<DoctorRow>): DoctorRow => ({
  namespace: 'nordwerk',
  transport: 'udp',
  host: 'turn.example',
  address: '192.0.2.1',
  port: 3478,
  ok: true,
  sentence: null,
  remedy: null,
  steps: [],
  sent: 10,
  lost: 0,
  rttMs: { min: 2, average: 3.14, max: 5 },
  ...change,
});
const report = (change: Partial<DoctorReport>): DoctorReport => ({
  at: '2026-09-14T14:02:00.000Z',
  ok: true,
  transports: [],
  attacks: [],
  host: [],
  ...change,
});
const inspection = (findings: Inspection['findings']): Inspection => ({
  at: '2026-09-14T14:02:00.000Z',
  durationMs: 8400,
  ok: !findings.some(({ severity }) => severity === 'failure'),
  findings,
});
const finding = (
  severity: Inspection['findings'][number]['severity'],
  sentence: string,
): Inspection['findings'][number] => ({ check: 'host', subject: 'host', severity, sentence, remedy: null });

t.test('a remedy: its text, and what of it can be pasted', (t) => {
  const remedy = 'Run `sysctl -w net.core.rmem_max=8388608`, or set `sysctl` in `turn.yaml`.';
  t.same(
    remedyParts(remedy).filter(({ code }) => code),
    [
      { text: 'sysctl -w net.core.rmem_max=8388608', code: true },
      { text: 'sysctl', code: true },
      { text: 'turn.yaml', code: true },
    ],
  );
  t.same(commandsOf(remedy), ['sysctl -w net.core.rmem_max=8388608'], 'a name alone is no command');
  t.same(commandsOf(null), []);
  t.same(remedyParts('Make room on it.'), [{ text: 'Make room on it.', code: false }]);
  t.end();
});

t.test('paths: the worst address is told, what is not offered is off', (t) => {
  const rows = [
    row({}),
    row({
      ...{ transport: 'tls', ok: false, sentence: 'No answer in 5 s.', sent: 0, rttMs: null },
      remedy: 'Ask `turnkeep inspect`.',
    }),
    row({ transport: 'tls', address: '192.0.2.2' }),
    row({ namespace: 'hofgut', lost: 1 }),
  ];
  const {
    namespaces,
    rows: [udp, tcp, tls, dtls],
  } = pathMatrix(rows);
  t.same(namespaces, ['hofgut', 'nordwerk']);
  t.same(udp?.cells, [
    { state: 'degraded', label: '3.1 ms', detail: '10 % lost' },
    { state: 'live', label: '3.1 ms', detail: '0 % lost' },
  ]);
  t.match(tcp?.cells, [{ label: 'Off' }, { label: 'Off' }]);
  t.match(dtls?.cells, [{ label: 'Off' }, { label: 'Off' }]);
  t.match(tls?.cells[1], {
    state: 'error',
    label: 'No way through (1 of 2 addresses)',
    detail: 'No answer in 5 s. Ask turnkeep inspect.',
  });
  t.equal(rtt(38.4), '38 ms');
  t.end();
});

t.test('the sentence at the top: the worst first, the rest counted, nothing twice', (t) => {
  t.equal(headline(null, [null]), null, 'nothing known, nothing said');
  t.match(headline(inspection([finding('ok', 'Fine.')]), [null]), { title: /in order/ });
  const warned = inspection([finding('warning', 'Buffers are small.')]);
  const same = report({ host: [finding('warning', 'Buffers are small.')] });
  t.same(headline(warned, [same]), { title: '1 thing wants attention.', text: 'Nothing has failed.' });
  const blocked = report({ transports: [row({}), row({ transport: 'tls', ok: false })] });
  t.same(headline(inspection([finding('failure', 'The disk is full.')]), [blocked]), {
    title: 'Viewers whose network lets only TLS through cannot watch nordwerk.',
    text: '1 more thing failed.',
  });
  const dead = report({ transports: [row({ ok: false }), row({ transport: 'tls', ok: false })] });
  t.equal(headline(null, [dead])?.title, 'Nobody can watch nordwerk from outside.');
  const open = {
    namespace: 'nordwerk',
    ok: false,
    tried: 2,
    refused: 1,
    open: ['x'],
    sentence: 'One got through.',
  };
  t.equal(headline(warned, [dead, report({ attacks: [open] })])?.title, 'One got through.');
  t.match(headline(warned, [dead]), { text: 'Nothing else has failed; 1 thing wants attention.' });
  t.end();
});

t.test('runs of several namespaces are one report', (t) => {
  t.equal(joinedReport([]), null);
  const joined = joinedReport([
    report({ ok: false, transports: [row({})] }),
    report({ transports: [row({ namespace: 'hofgut' })] }),
  ]);
  t.match(joined, { ok: false, transports: [{ namespace: 'nordwerk' }, { namespace: 'hofgut' }] });
  t.end();
});

t.test('the map of ports', (t) => {
  const ports = {
    sfuSignaling: 30000,
    sfuMedia: { minPort: 20000, maxPort: 20499 },
    turnRelay: { minPort: 49152, maxPort: 49951 },
    turn: 3478,
    turns: 5349,
  };
  const listener = (transport: string, port: number, open = true) => ({
    transport,
    port,
    open,
    address: '::',
  });
  const owner = {
    namespace: 'nordwerk',
    ports,
    listeners: [
      listener('udp', 3478),
      listener('tcp', 3478),
      listener('tls', 5349),
      listener('dtls', 5349, false),
    ],
  };
  t.equal(blockText(ports, 'sfuMedia'), '20000–20499');
  t.equal(blockText(ports, 'turn'), '3478');
  t.same(listenerState(owner, 'turn'), { state: 'idle', label: 'udp, tcp' });
  t.same(listenerState(owner, 'turns'), { state: 'error', label: 'dtls not open' });
  t.same(listenerState({ ...owner, listeners: [] }, 'turns'), { state: 'unknown', label: 'no answer' });
  t.equal(listenerState(owner, 'turnRelay'), null);
  const range = {
    role: 'turn',
    title: 'TURN port',
    minPort: 1,
    maxPort: 9,
    size: 1,
    blocks: 9,
    free: 7,
  } as const;
  t.equal(takenText(range), '2 of 9');
  t.end();
});
