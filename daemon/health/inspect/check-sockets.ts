/** Every port of an enabled namespace is held, and by its own service. */
import type { NamespaceFacts } from '../../namespaces/node-facts.ts';
import { counted, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'sockets';
const say = sayAs(CHECK);

export const checkSockets: Check = ({ node, holders }) => {
  const findings = node.namespaces.flatMap((one) => {
    if (one.changing || one.desired !== 'enabled') return [];
    const held = holders.get(one.namespace) ?? [];
    return one.sockets.flatMap((socket, at) => ofSocket(one, socket, held[at]?.holder));
  });
  const count = node.namespaces.reduce((sum, { sockets }) => sum + sockets.length, 0);
  return orWell(CHECK, findings, `${counted(count, 'port')} held by the services they belong to.`);
};

function ofSocket(
  one: NamespaceFacts,
  socket: NamespaceFacts['sockets'][number],
  holder: string | undefined,
): ReturnType<Check> {
  const { kind, title, protocol, address, port } = socket;
  const { report } = one[kind];
  const name = `The ${title} ${String(port)} (${protocol} ${address}) of "${one.namespace}"`;
  if (holder === undefined) {
    // A service that is down is told by its own check.
    if (!one[kind].up) return [];
    const remedy = `Disable and enable WebRTC for "${one.namespace}".`;
    return [say('failure', one.namespace, `${name} is held by nobody, although its service is up.`, remedy)];
  }
  if (report.pid !== null && endsWithPid(holder, report.pid)) return [];
  // Another user's process: whose it is cannot be seen, but its service says that it is well.
  if (one[kind].up && !/process [0-9]+$/.test(holder)) return [];
  return [
    say(
      'failure',
      one.namespace,
      `${name} is held by a stranger: ${holder}.`,
      `Stop that program: the service takes its port by itself. Or disable WebRTC for "${one.namespace}" and enable it with other ports.`,
    ),
  ];
}

function endsWithPid(holder: string, pid: number): boolean {
  return holder.endsWith(`process ${String(pid)}`);
}
