/** Each enabled namespace relays: shown with a real allocation to its SFU and back. */
import { counted, orWell, sayAs, type Check } from './finding.ts';
import type { Facts } from './facts.ts';

const CHECK = 'relay';
const say = sayAs(CHECK);

export const checkRelays: Check = ({ relays }) => {
  const findings = relays.flatMap(({ namespace, problem }) =>
    problem === null
      ? []
      : [
          say(
            'failure',
            namespace,
            problem,
            `\`turnkeep doctor --namespace ${namespace}\` shows which transport and which step fails.`,
          ),
        ],
  );
  return orWell(CHECK, findings, summary(relays));
};

function summary(relays: Facts['relays']): string {
  if (relays.length === 0) return 'No namespace is on that could relay.';
  const slowest = Math.max(0, ...relays.map(({ rttMs }) => rttMs ?? 0));
  return `${counted(relays.length, 'relay')} proven; slowest ${slowest.toFixed(1)} ms.`;
}
