/** Repair of firewall rules and DNS records: what it can mend, and what it did in the console's words. Pure. */
import type { Finding, RepairReport } from '../../../daemon/contract/diagnosis.ts';
import type { Headline } from './health-view.ts';
import type { StateName } from './tile-facts.ts';
import { counted, dayAndTime } from './wording.ts';

export type RepairRun =
  | { phase: 'running' }
  | { phase: 'done'; report: RepairReport }
  /** The server did not do it; `why` is its sentence. */
  | { phase: 'refused'; why: string };

/** A repair sets these anew; anything else is mended elsewhere, as its remedy says. */
export function isRepairable({ check, severity }: Finding): boolean {
  return severity === 'failure' && (check === 'dns' || check === 'firewall');
}

export type RepairRow = {
  state: Extract<StateName, 'live' | 'error'>;
  /** `Firewall: the rules differ.`, `DNS: turn.example.com has no address.` */
  sentence: string;
  word: 'mended' | 'not mended';
  /** Why it is not; empty when it is. */
  problem: string;
};

const WHAT = { firewall: 'Firewall', dns: 'DNS' } as const;

/** What was not mended first. */
export function repairRows({ repairs }: RepairReport): RepairRow[] {
  const rows = repairs.map(({ what, found, problem }): RepairRow => {
    const sentence = `${WHAT[what]}: ${found}`;
    return problem === ''
      ? { state: 'live', sentence, word: 'mended', problem }
      : { state: 'error', sentence, word: 'not mended', problem };
  });
  return [...rows.filter(({ state }) => state === 'error'), ...rows.filter(({ state }) => state === 'live')];
}

export function repairHeadline(run: RepairRun, nowMs: number): Headline {
  if (run.phase === 'running') {
    return {
      title: 'Setting firewall rules and DNS records anew.',
      text: 'A DNS server that does not answer is waited for. Sessions and services go on.',
    };
  }
  if (run.phase === 'refused') return { title: 'Nothing was repaired.', text: run.why };
  const { at, repairs } = run.report;
  const when = `Looked ${dayAndTime(Date.parse(at), nowMs)}.`;
  if (repairs.length === 0) {
    return {
      title: 'There was nothing to mend.',
      text: `Firewall rules and DNS records are as Turnkeep set them. ${when}`,
    };
  }
  const failed = repairs.filter(({ problem }) => problem !== '').length;
  const title =
    failed === 0
      ? `${counted(repairs.length, 'thing')} ${repairs.length === 1 ? 'was' : 'were'} mended.`
      : `${counted(failed, 'thing')} of ${String(repairs.length)} could not be mended.`;
  const later =
    failed === 0
      ? 'If it comes back: another program on this network changes it, too.'
      : 'turnkeepd tries again every minute.';
  return { title, text: `${later} ${when}` };
}
