/** Who is enabled owns ports, who owns ports is enabled, and the services listen on those they own. */
import { claimRanges, overlap } from '../../namespaces/port-ledger.ts';
import type { NamespaceFacts } from '../../namespaces/node-facts.ts';
import { counted, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'ledger';
const say = sayAs(CHECK);

export const checkLedger: Check = ({ node }) => {
  const claims = node.claims.filter((claim) => claim.node === node.node);
  const findings = node.namespaces.flatMap((one) => (one.changing ? [] : ofNamespace(one)));
  claims.forEach((claim, at) => {
    for (const other of claims.slice(at + 1)) {
      const clash = claimRanges(claim.blocks).some((mine) =>
        claimRanges(other.blocks).some((theirs) => overlap(mine, theirs)),
      );
      if (!clash) continue;
      findings.push(
        say(
          'failure',
          claim.namespace,
          `"${claim.namespace}" and "${other.namespace}" own the same ports.`,
          `Disable and enable WebRTC for "${other.namespace}": it gets ports of its own.`,
        ),
      );
    }
  });
  return orWell(
    CHECK,
    findings,
    `${counted(claims.length, 'claim')} in the ledger, each of an enabled namespace.`,
  );
};

function ofNamespace(one: NamespaceFacts): ReturnType<Check> {
  const { namespace, desired, blocks, turn } = one;
  const again = `Disable and enable WebRTC for "${namespace}".`;
  if (desired === null && blocks !== null) {
    return [
      say(
        'failure',
        namespace,
        `"${namespace}" owns ports, but WebRTC is off.`,
        `Enable and disable WebRTC for "${namespace}": that gives them back.`,
      ),
    ];
  }
  if (desired === 'enabled' && blocks === null) {
    return [say('failure', namespace, `"${namespace}" is enabled, but owns no ports in the ledger.`, again)];
  }
  if (blocks === null) return [];
  const foreign = (turn.answer?.listeners ?? []).filter(
    ({ port }) => port !== blocks.turn && port !== blocks.turns,
  );
  const [first] = foreign;
  if (first === undefined) return [];
  const sentence = `The TURN service of "${namespace}" listens on port ${String(first.port)}, but the ledger gives it ${String(blocks.turn)} and ${String(blocks.turns)}.`;
  return [say('failure', namespace, sentence, again)];
}
