import { Command } from 'commander';
import { turnSessionListSchema, type TurnSession } from '../../../daemon/contract/turn-operations.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { table } from '../../output.ts';
import { turnPath } from './turn-path.ts';

/** `turnkeep turn sessions --namespace NAME` */
export function sessionsCommand(contextOf: ContextOf): Command {
  return new Command('sessions')
    .description('who relays now: subject, transport, age, bytes and permissions')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--limit <count>', 'at most so many, 1 to 1000', wholeNumber(1, 1000), 100)
    .addHelpText('after', '\nExample:\n  turnkeep turn sessions --namespace demo --json\n')
    .action(async (options: { namespace: string; limit: number }, command: Command) => {
      const { client, output } = contextOf(command);
      const path = turnPath(options.namespace, `sessions?limit=${String(options.limit)}`);
      const list = await client.get(path, turnSessionListSchema);
      const nowMs = Date.now();
      output.show(list, () => {
        if (list.items.length === 0) return 'There is no session.';
        const shown = table(
          [
            'SESSION',
            'SUBJECT',
            'TRANSPORT',
            'CLIENT',
            'RELAY',
            'AGE',
            'TO PEER',
            'TO CLIENT',
            'PERMISSIONS',
          ],
          list.items.map((session) => row(session, nowMs)),
        );
        const hidden = list.total - list.items.length;
        return hidden > 0 ? `${shown}\n${String(hidden)} more: --limit shows them.` : shown;
      });
    });
}

/** A session that relays TCP says so, and how many connections it has. */
function relayOf({ relayed, relayTransport, dataConnections }: TurnSession): string {
  const addresses = relayed.join(' ');
  return relayTransport === 'udp' ? addresses : `${addresses} (tcp, ${String(dataConnections.length)})`;
}

function row(session: TurnSession, nowMs: number): string[] {
  return [
    session.sessionId,
    session.subject ?? '-',
    session.transport,
    session.client,
    relayOf(session),
    `${String(Math.max(0, Math.round((nowMs - session.createdAtMs) / 1000)))} s`,
    `${String(session.toPeerBytes)} B`,
    `${String(session.toClientBytes)} B`,
    session.permissions.join(' '),
  ];
}
