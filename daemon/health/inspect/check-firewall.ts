/** The firewall is open for what is enabled, and for nothing else of ours. */
import { HOST, orWell, sayAs, type Check } from './finding.ts';

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
  const isChanging = node.namespaces.some(({ changing }) => changing);
  if (node.firewallDrift !== '' && !isChanging) {
    findings.push(
      say(
        'failure',
        HOST,
        node.firewallDrift,
        '`turnkeep repair` sets them anew now; turnkeepd does so itself every two minutes. If it happens again: let the program that rewrites the firewall leave the rules of Turnkeep alone.',
      ),
    );
  }
  return orWell(CHECK, findings, 'The rules of the firewall are as Turnkeep set them.');
};
