/** The name of each enabled namespace leads to this node. */
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
  return orWell(CHECK, findings, 'Every record that Turnkeep sets is as it has to be.');
};
