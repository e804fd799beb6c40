/** The name of each enabled namespace leads to this node, and no other. */
import { orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'dns';
const say = sayAs(CHECK);

export const checkDns: Check = ({ node }) => {
  const findings = node.namespaces.flatMap(({ namespace, desired, changing, dnsProblem }) =>
    desired !== 'enabled' || changing || dnsProblem === ''
      ? []
      : [
          say(
            'failure',
            namespace,
            dnsProblem,
            '`turnkeep repair` sets the records anew now; turnkeepd does so itself every two minutes. If that fails, see dns.server, dns.keyFile and the server itself.',
          ),
        ],
  );
  for (const { name, problem } of node.dnsDebts) {
    findings.push(
      say(
        'warning',
        name,
        `${name} may still lead to this host, though no namespace has it: ${problem || 'its records are still to be removed.'}`,
        '`turnkeep repair` removes them now; turnkeepd tries it every minute. If that fails, see dns.server, dns.keyFile and the server itself.',
      ),
    );
  }
  return orWell(CHECK, findings, 'Every record that Turnkeep sets is as it has to be.');
};
