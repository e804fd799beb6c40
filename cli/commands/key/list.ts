import { Command } from 'commander';
import { apiKeyListSchema } from '../../../daemon/contract/identity.ts';
import type { ContextOf } from '../../cli-context.ts';
import { table } from '../../output.ts';
import { keyPath } from './key-path.ts';

/** `turnkeep key list --namespace NAME` */
export function listCommand(contextOf: ContextOf): Command {
  return new Command('list')
    .description('the API keys of a namespace: what each begins with, and when it was used last')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep key list --namespace demo\n')
    .action(async ({ namespace }: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const list = await client.get(keyPath(namespace), apiKeyListSchema);
      output.show(list, () =>
        list.items.length === 0
          ? `There is no API key of ${namespace} yet. Make one: turnkeep key create NAME --namespace ${namespace}`
          : table(
              ['NAME', 'ROLE', 'BEGINS WITH', 'CREATED', 'LAST USED', 'ID'],
              list.items.map(({ name, role, prefix, createdAt, lastUsedAt, id }) => [
                ...[name, role, prefix, createdAt, lastUsedAt ?? '-', id],
              ]),
            ),
      );
    });
}
