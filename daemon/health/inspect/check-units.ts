/** Nobody switched a unit off: what runs now runs again after it ends, and after a restart of the host. */
import { counted, orWell, sayAs, type Check } from './finding.ts';
import type { UnitFacts } from './facts.ts';

const CHECK = 'units';
const say = sayAs(CHECK);

const WORDS: Record<UnitFacts['state'], { is: string; remedy: (unit: string) => string } | null> = {
  fine: null,
  masked: {
    is: 'is masked: once it ends it does not start again',
    remedy: (unit) =>
      `systemctl unmask '${unit}'; systemctl unmask --runtime '${unit}'; systemctl start '${unit}'`,
  },
  disabled: {
    is: 'is disabled: after a restart of this host it does not come back',
    remedy: (unit) => `systemctl enable '${unit}'.`,
  },
  missing: { is: 'is gone', remedy: () => 'Run install.sh again.' },
};

export const checkUnits: Check = ({ units }) => {
  const findings = units.flatMap(({ unit, subject, state }) => {
    const words = WORDS[state];
    return words === null
      ? []
      : [say('failure', subject, `The unit ${unit} ${words.is}.`, words.remedy(unit))];
  });
  const well =
    units.length === 0
      ? 'Services are no units here: turnkeepd runs them itself.'
      : `${counted(units.length, 'unit')} can start, now and after a restart of this host.`;
  return orWell(CHECK, findings, well);
};
