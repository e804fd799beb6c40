/** The steps of a dry run, for people: numbered, with what each is about. */
import type { PlanStep } from '../daemon/contract/api.ts';
import { printable } from './output.ts';

export function planText(plan: readonly PlanStep[]): string {
  return plan
    .map(({ label, note }, at) => {
      const about = note === null ? '' : `  (${printable(note)})`;
      return `${String(at + 1).padStart(2)}. ${label}${about}`;
    })
    .join('\n');
}
