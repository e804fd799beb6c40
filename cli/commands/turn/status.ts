import { Command } from 'commander';
import {
  turnOperationsStatusSchema,
  turnRefusalListSchema,
  type TurnOperationsStatus,
  type TurnRefusalList,
} from '../../../daemon/contract/turn-operations.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable, table } from '../../output.ts';
import { turnPath } from './turn-path.ts';

const SHOWN_REFUSALS = 10;

/** `turnkeep turn status --namespace NAME` */
export function statusCommand(contextOf: ContextOf): Command {
  return new Command('status')
    .description('listeners, what was relayed, dropped and refused, and the last refusals in words')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep turn status --namespace demo\n')
    .action(async ({ namespace }: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const status = await client.get(turnPath(namespace, 'status'), turnOperationsStatusSchema);
      // A service that is not up has no journal to ask for.
      const refusals =
        output.json || status.listeners.length === 0
          ? { items: [] }
          : await client.get(turnPath(namespace, 'refusals'), turnRefusalListSchema);
      output.show(status, () => describe(status, refusals));
    });
}

const ONE_BY_ONE =
  'packets go one by one, at three times the CPU: run scripts/build-native where g++ is, then restart the service';

function describe(status: TurnOperationsStatus, refusals: TurnRefusalList): string {
  const { relayed } = status;
  const first = ['TURN', status.sentence];
  const rows = [
    ...status.listeners.map(({ transport, address, port, open }, at) => [
      at === 0 ? 'Listeners' : '',
      `${transport} ${address} port ${String(port)}${open ? '' : '  (closed)'}`,
    ]),
    ...(status.certificate === undefined
      ? []
      : [['Certificate', `until ${new Date(status.certificate.notAfterMs).toISOString()}`]]),
    ...(status.datagrams === 'dgram' ? [['UDP', ONE_BY_ONE]] : []),
    ['Allocations', String(status.allocations)],
    ['Connections', String(status.connections)],
    ['To peers', `${String(relayed.toPeerPackets)} packets, ${String(relayed.toPeerBytes)} bytes`],
    ['To clients', `${String(relayed.toClientPackets)} packets, ${String(relayed.toClientBytes)} bytes`],
    ...status.limits.map(({ name, limit, used, refused }, at) => [
      at === 0 ? 'Limits' : '',
      `${name}: ${used === undefined ? '' : `${String(used)} of `}${String(limit)}, refused ${String(refused)}`,
    ]),
    ...counts('Drops', { ...status.drops, kernel: status.kernelDrops }),
    ...counts('Refusals', status.refusals),
  ];
  const text = table(first, rows);
  if (refusals.items.length === 0) return text;
  const latest = refusals.items
    .slice(0, SHOWN_REFUSALS)
    .map(({ atMs, method, code, client, username, sentence }) =>
      printable(
        `  ${new Date(atMs).toISOString()}  ${method} ${String(code)}  ${client}  ${username ?? '-'}: ${sentence}`,
      ),
    );
  return `${text}\n\nLast refusals:\n${latest.join('\n')}`;
}

function counts(title: string, counters: Record<string, number>): string[][] {
  const known = Object.entries(counters).filter(([, count]) => count > 0);
  return known.map(([name, count], at) => [at === 0 ? title : '', `${name}: ${String(count)}`]);
}
