/** Each enabled namespace is held to what it may take: the blast wall stands. */
import { orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'quotas';
const say = sayAs(CHECK);

export const checkQuotas: Check = ({ node }) => {
  const findings = node.namespaces.flatMap(({ namespace, desired, changing, quotaProblem }) =>
    desired === null || changing || quotaProblem === ''
      ? []
      : [
          say(
            'failure',
            namespace,
            `"${namespace}" is not held to its quota: ${quotaProblem}`,
            'Restart turnkeepd: it sets every quota anew. Pictures run on.',
          ),
        ],
  );
  return orWell(CHECK, findings, 'No namespace may take more of this host than its quota.');
};
