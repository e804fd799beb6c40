import { Command } from 'commander';
import { auditListSchema } from '../../../daemon/contract/audit.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { table } from '../../output.ts';

type Options = Record<string, string | number>;

/** `turnkeep audit list` */
export function listCommand(contextOf: ContextOf): Command {
  return new Command('list')
    .description('who did what, newest first')
    .option('--limit <lines>', 'at most so many lines, up to 1000', wholeNumber(1, 1000), 50)
    .option('--before <line>', 'lines older than this one', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('-n, --namespace <name>', 'of one namespace')
    .option('--actor <who>', 'of one user, key:ID, camera:ID or local')
    .option('--action <action>', 'of one kind, for example camera.rotate')
    .addHelpText('after', '\nExample:\n  turnkeep audit list --namespace demo --action tenant.cross\n')
    .action(async (options: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const query = new URLSearchParams();
      for (const [key, value] of Object.entries(options)) query.set(key, String(value));
      const { items, next } = await client.get(`/v1/audit?${query.toString()}`, auditListSchema);
      output.show({ items, next }, () => {
        if (items.length === 0) return 'The audit has no such line.';
        const rows = items.map((one) => [
          String(one.seq),
          one.at,
          one.actor,
          one.action,
          one.namespace ?? '-',
          one.subject ?? '-',
          one.outcome,
          Object.entries(one.detail)
            .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
            .join(' '),
        ]);
        const text = table(['LINE', 'AT', 'WHO', 'WHAT', 'NAMESPACE', 'SUBJECT', 'OUTCOME', 'DETAIL'], rows);
        return next === null ? text : `${text}\nOlder lines: --before ${String(next)}`;
      });
    });
}
