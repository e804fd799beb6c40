/** The state file can be used, and says what the database says. */
import type { ClusterState } from '../../contract/state-file.ts';
import type { NodeFacts } from '../../namespaces/node-facts.ts';
import { counted, HOST, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'state file';
const say = sayAs(CHECK);
const REWRITE =
  'Restart turnkeepd: it reads the copy that is good, or the database, and writes the file anew. Pictures run on.';

export const checkStateFile: Check = ({ node, database }) => {
  const { current, previous } = node.stateFile;
  const { wanted } = node.stateFile;
  const findings = [];
  // Before the first enable there is none, and nothing it could bring back.
  if (current.found === 'missing' && wanted.length > 0) {
    const sentence = `The state file is missing: after a power cut ${counted(wanted.length, 'namespace')} would come back from the database only.`;
    findings.push(say('failure', HOST, sentence, REWRITE));
  }
  if (current.found === 'bad') {
    findings.push(say('failure', HOST, `The state file cannot be used: ${current.problem}.`, REWRITE));
  }
  if (previous.found === 'bad') {
    const sentence = `The previous copy of the state file cannot be used: ${previous.problem}.`;
    findings.push(say('warning', HOST, sentence, 'The next change of a namespace replaces it.'));
  }
  if (previous.found === 'missing' && current.found === 'good') {
    const sentence = 'The previous copy of the state file is missing.';
    findings.push(say('warning', HOST, sentence, 'The next change of a namespace makes it again.'));
  }
  // A database that does not open is told by its own check; it has nothing to compare with.
  if (current.found === 'good' && database.problems.length === 0) {
    findings.push(...differences(current.state, node));
  }
  const what =
    current.found === 'good' ? `generation ${String(current.state.generation)}` : 'none is needed yet';
  return orWell(CHECK, findings, `The state file and the database agree (${what}).`);
};

function differences(state: ClusterState, node: NodeFacts): ReturnType<Check> {
  const { wanted, databaseGeneration } = node.stateFile;
  const findings = [];
  if (state.node !== node.node) {
    findings.push(say('failure', HOST, `The state file belongs to the node "${state.node}".`, REWRITE));
  }
  const isChanging = (name: string): boolean =>
    node.namespaces.some((one) => one.namespace === name && one.changing);
  for (const one of wanted) {
    if (isChanging(one.name)) continue;
    const filed = state.namespaces.find(({ name }) => name === one.name);
    if (filed === undefined) {
      findings.push(
        say(
          'failure',
          one.name,
          `"${one.name}" is enabled in the database, but not in the state file.`,
          REWRITE,
        ),
      );
    } else if (JSON.stringify(filed.ports) !== JSON.stringify(one.ports)) {
      findings.push(
        say(
          'failure',
          one.name,
          `The ports of "${one.name}" differ: TURN ${String(one.ports.turn)} in the database, ${String(filed.ports.turn)} in the state file.`,
          `Disable and enable WebRTC for "${one.name}", or restore the database.`,
        ),
      );
    } else if (JSON.stringify(filed) !== JSON.stringify(one)) {
      findings.push(
        say(
          'failure',
          one.name,
          `The state file holds older settings of "${one.name}" than the database.`,
          REWRITE,
        ),
      );
    }
  }
  for (const { name } of state.namespaces) {
    if (wanted.some((one) => one.name === name) || isChanging(name)) continue;
    findings.push(
      say(
        'failure',
        name,
        `"${name}" is in the state file, but not enabled with ports in the database.`,
        `${REWRITE} Or enable it again.`,
      ),
    );
  }
  if (state.generation !== databaseGeneration && !node.namespaces.some(({ changing }) => changing)) {
    const sentence = `The state file is of generation ${String(state.generation)}, the database of ${String(databaseGeneration)}: one of them is an older copy.`;
    findings.push(say('failure', HOST, sentence, REWRITE));
  }
  return findings;
}
