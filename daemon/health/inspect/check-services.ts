/** What is provisioned runs and answers; what is not, does not run. */
import type { NamespaceFacts, ServiceFacts } from '../../namespaces/node-facts.ts';
import { counted, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'services';
const say = sayAs(CHECK);
/** Below it a restart is an accident. */
const MANY_RESTARTS = 3;

export const checkServices: Check = ({ node }) => {
  const findings = node.namespaces.flatMap(ofNamespace);
  const enabled = node.namespaces.filter(({ desired }) => desired !== null);
  return orWell(CHECK, findings, `${counted(enabled.length, 'namespace')} enabled, TURN and SFU of each up.`);
};

function ofNamespace(one: NamespaceFacts): ReturnType<Check> {
  const { namespace, desired, changing, broken, served } = one;
  if (changing) return [];
  if (desired === null) {
    return (['turn', 'sfu'] as const).flatMap((kind) =>
      one[kind].report.pid === null
        ? []
        : [
            say(
              'failure',
              namespace,
              `The ${title(kind)} service of "${namespace}" runs, but WebRTC is off.`,
              `Enable and disable WebRTC for "${namespace}": that stops it.`,
            ),
          ],
    );
  }
  if (desired !== 'enabled') {
    const word = desired === 'enabling' ? 'enable' : 'disable';
    const sentence = `An operation to ${word} "${namespace}" was left half done.`;
    return [say('failure', namespace, sentence, `Disable WebRTC for "${namespace}": that finishes it.`)];
  }
  if (broken !== null) {
    const sentence = `"${namespace}" could not be brought back: ${broken}`;
    const remedy = `Put the host key back and restart turnkeepd, or disable and enable WebRTC for "${namespace}" (credentials of before end).`;
    return [say('failure', namespace, sentence, remedy)];
  }
  const findings = (['turn', 'sfu'] as const).flatMap((kind) => ofService(namespace, kind, one[kind]));
  if (!served) {
    const sentence = `"${namespace}" is enabled, but turnkeepd serves no credentials for it.`;
    findings.push(say('failure', namespace, sentence, 'Restart turnkeepd. Pictures run on.'));
  }
  return findings;
}

function ofService(
  namespace: string,
  kind: 'turn' | 'sfu',
  { up, report, sentence }: ServiceFacts<unknown>,
): ReturnType<Check> {
  if (!up) {
    const told = `The ${title(kind)} service of "${namespace}" is down: ${sentence}`;
    const remedy = `Look at the log of ${kind}-${namespace}; disable and enable WebRTC for "${namespace}" starts it anew.`;
    return [say('failure', namespace, told, remedy)];
  }
  if (report.restarts < MANY_RESTARTS) return [];
  const told = `The ${title(kind)} service of "${namespace}" was restarted ${String(report.restarts)} times.`;
  return [say('warning', namespace, told, `Look at the log of ${kind}-${namespace} for why it ended.`)];
}

function title(kind: 'turn' | 'sfu'): string {
  return kind === 'turn' ? 'TURN' : 'SFU';
}
