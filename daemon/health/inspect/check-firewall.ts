/** The firewall is open for what is enabled, and for nothing else of ours. */
import { orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'firewall';
const say = sayAs(CHECK);

export const checkFirewall: Check = ({ node }) => {
  const findings = node.namespaces.flatMap(({ namespace, desired, firewallProblem }) =>
    desired === null || firewallProblem === ''
      ? []
      : [
          say(
            'failure',
            namespace,
            `The firewall is not open for "${namespace}" as it has to be: ${firewallProblem}`,
            'Correct it: it is tried again every minute, and at the start of turnkeepd.',
          ),
        ],
  );
  return orWell(CHECK, findings, 'No rule of the firewall is owed.');
};
