/** Short ways to write findings. */
import type { Finding, Severity } from '../../contract/diagnosis.ts';
import type { Facts } from './facts.ts';

/** One check: from the facts to what has to be said of them. At least one finding, also when all is well. */
export type Check = (facts: Facts) => Finding[];

export const HOST = 'host';

export type Say = (
  severity: Exclude<Severity, 'ok'>,
  subject: string,
  sentence: string,
  remedy: string | null,
) => Finding;

export function sayAs(check: string): Say {
  return (severity, subject, sentence, remedy) => ({ check, subject, severity, sentence, remedy });
}

/** `findings`, or `sentence` when there is none. */
export function orWell(check: string, findings: Finding[], sentence: string): Finding[] {
  if (findings.length > 0) return findings;
  return [{ check, subject: HOST, severity: 'ok', sentence, remedy: null }];
}

/** `3 namespaces`, `1 namespace`. */
export function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? '' : 's'}`;
}
