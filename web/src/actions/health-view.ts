/** Findings of the inspection and probes of the doctor in the console's words. Pure. */
import type {
  AttackRow,
  DoctorReport,
  DoctorRow,
  Finding,
  Inspection,
  Severity,
} from '../../../daemon/contract/diagnosis.ts';
import type { StateName } from './tile-facts.ts';
import { counted, grouped } from './wording.ts';

// -- Findings ----------------------------------------------------------------------------------------

/** Where a finding is listed, in the order of the page. */
export const GROUPS: { severity: Severity; title: string; word: string; many?: string; state: StateName }[] =
  [
    { severity: 'failure', title: 'Failed', word: 'failed', state: 'error' },
    {
      severity: 'warning',
      title: 'Wants attention',
      word: 'wants attention',
      many: 'want attention',
      state: 'degraded',
    },
    { severity: 'notice', title: 'To know', word: 'to know', state: 'idle' },
    { severity: 'ok', title: 'Ok', word: 'ok', state: 'live' },
  ];

/** Of one severity, in the order the host told them. */
export function ofSeverity(findings: readonly Finding[], severity: Severity): Finding[] {
  return findings.filter((one) => one.severity === severity);
}

export type Part = { text: string; code: boolean };

/** A remedy as text and what stands between backquotes in it. */
export function remedyParts(remedy: string): Part[] {
  return remedy
    .split('`')
    .map((text, at) => ({ text, code: at % 2 === 1 }))
    .filter(({ text }) => text !== '');
}

/** What of a remedy can be pasted into a shell: more than the name of a file or a key. */
const COMMAND =
  /^(?:sudo )?(?:turnkeep|systemctl|journalctl|sysctl|timedatectl|nft|ufw|iptables|ss|df|chown|chmod|install\.sh|npm|scripts\/\S+) \S/;

export function commandsOf(remedy: string | null): string[] {
  if (remedy === null) return [];
  const found = remedyParts(remedy).filter(({ text, code }) => code && COMMAND.test(text));
  return [...new Set(found.map(({ text }) => text))];
}

// -- Doctor ------------------------------------------------------------------------------------------

const TRANSPORTS = ['udp', 'tcp', 'tls', 'dtls'] as const;

export type PathCell = { state: StateName; label: string; detail: string };
export type PathMatrix = {
  namespaces: string[];
  rows: { transport: (typeof TRANSPORTS)[number]; cells: PathCell[] }[];
};

/** Transports down, namespaces across; a transport that a namespace does not offer is off, not broken. */
export function pathMatrix(rows: readonly DoctorRow[]): PathMatrix {
  const namespaces = [...new Set(rows.map(({ namespace }) => namespace))].sort((a, b) => a.localeCompare(b));
  return {
    namespaces,
    rows: TRANSPORTS.map((transport) => ({
      transport,
      cells: namespaces.map((namespace) =>
        pathCell(rows.filter((row) => row.namespace === namespace && row.transport === transport)),
      ),
    })),
  };
}

/** One transport of one namespace, over all its addresses: the worst of them is told. */
function pathCell(rows: readonly DoctorRow[]): PathCell {
  if (rows.length === 0) return { state: 'idle', label: 'Off', detail: 'no listener' };
  const failed = rows.filter(({ ok }) => !ok);
  const first = failed[0];
  if (first !== undefined) {
    const step = first.steps.find(({ ok }) => !ok);
    const where = rows.length === 1 ? '' : ` (${String(failed.length)} of ${String(rows.length)} addresses)`;
    const why = first.sentence ?? step?.sentence ?? 'It does not say why.';
    const remedy = (first.remedy ?? '').replaceAll('`', '');
    return { state: 'error', label: `No way through${where}`, detail: `${why} ${remedy}`.trimEnd() };
  }
  const times = rows.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs.average]));
  const sent = rows.reduce((sum, row) => sum + row.sent, 0);
  const lost = rows.reduce((sum, row) => sum + row.lost, 0);
  return {
    state: lost === 0 ? 'live' : 'degraded',
    label: times.length === 0 ? 'Open' : rtt(Math.max(...times)),
    detail: `${sharePercent(lost, sent)} lost`,
  };
}

/** `3.1 ms`, `38 ms`. */
export function rtt(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${String(Math.round(ms))} ms`;
}

/** `0 %`, `2.5 %`. */
function sharePercent(part: number, whole: number): string {
  const value = whole === 0 ? 0 : (part / whole) * 100;
  return `${Number.isInteger(value) ? String(value) : value.toFixed(1)} %`;
}

/** Several runs, of one namespace each, as one. */
export function joinedReport(reports: readonly DoctorReport[]): DoctorReport | null {
  const last = reports.at(-1);
  if (last === undefined) return null;
  return {
    at: last.at,
    ok: reports.every(({ ok }) => ok),
    transports: reports.flatMap(({ transports }) => transports),
    attacks: reports.flatMap(({ attacks }) => attacks),
    host: last.host,
  };
}

/** Whom the failed paths keep out, a sentence for each namespace. */
export function pathSentences(rows: readonly DoctorRow[]): string[] {
  const matrix = pathMatrix(rows);
  return matrix.namespaces.flatMap((namespace, at) => {
    const offered = matrix.rows.filter(({ cells }) => cells[at]?.label !== 'Off');
    const failed = offered.filter(({ cells }) => cells[at]?.state === 'error').map((one) => one.transport);
    if (failed.length === 0) return [];
    if (failed.length === offered.length) return [`Nobody can watch ${namespace} from outside.`];
    return failed.length === 1 && failed[0] === 'tls'
      ? [`Viewers whose network lets only TLS through cannot watch ${namespace}.`]
      : [`Viewers of ${namespace} cannot connect over ${failed.join(' or ')}.`];
  });
}

/** `240 of 240 refused`. */
export function attackWord(row: AttackRow): { state: StateName; label: string } {
  const told = `${grouped(row.refused)} of ${grouped(row.tried)} refused`;
  return row.ok ? { state: 'live', label: told } : { state: 'error', label: told };
}

// -- The sentence at the top ---------------------------------------------------------------------------

export type Headline = { title: string; text: string };

/** The worst first; what else is wrong is counted. */
export function headline(
  inspection: Inspection | null,
  doctors: readonly (DoctorReport | null)[],
): Headline | null {
  const reports = doctors.filter((one) => one !== null);
  if (inspection === null && reports.length === 0) return null;
  // The doctor looks at the host as the inspection does: what both found is one thing.
  const findings = new Map(
    [...(inspection?.findings ?? []), ...reports.flatMap(({ host }) => host)].map((one) => [
      one.sentence,
      one,
    ]),
  );
  const troubles = [
    ...new Set([
      ...reports.flatMap(({ attacks }) => attacks.filter(({ ok }) => !ok).map(({ sentence }) => sentence)),
      ...reports.flatMap(({ transports }) => pathSentences(transports)),
      ...ofSeverity([...findings.values()], 'failure').map(({ sentence }) => sentence),
    ]),
  ];
  const warnings = ofSeverity([...findings.values()], 'warning').length;
  const attention =
    warnings === 0 ? '' : `${counted(warnings, 'thing')} ${warnings === 1 ? 'wants' : 'want'} attention`;
  const [first] = troubles;
  if (first !== undefined) {
    const more = troubles.length - 1;
    const rest = more === 0 ? 'Nothing else has failed' : `${counted(more, 'more thing')} failed`;
    return { title: first, text: attention === '' ? `${rest}.` : `${rest}; ${attention}.` };
  }
  return warnings > 0
    ? { title: `${attention}.`, text: 'Nothing has failed.' }
    : { title: 'Everything that was checked is in order.', text: 'Nothing has failed.' };
}
