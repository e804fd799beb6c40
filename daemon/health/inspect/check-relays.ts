/** Each enabled namespace relays: shown with a real allocation to its SFU and back. */
import { counted, orWell, sayAs, type Check } from './finding.ts';

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
  const slowest = Math.max(0, ...relays.map(({ rttMs }) => rttMs ?? 0));
  return orWell(
    CHECK,
    findings,
    `${counted(relays.length, 'relay')} proven; slowest ${slowest.toFixed(1)} ms.`,
  );
};
