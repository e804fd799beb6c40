import { Command, Option } from 'commander';
import { apiKeyCreatedSchema } from '../../../daemon/contract/identity.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable } from '../../output.ts';
import { keyPath } from './key-path.ts';

type Options = { namespace: string; role: string };

/** `turnkeep key create NAME --namespace NAMESPACE` */
export function createCommand(contextOf: ContextOf): Command {
  return new Command('create')
    .description("make an API key for a tenant's application and print it once")
    .argument('<name>', 'what it is for, 1 to 80 characters')
    .requiredOption('-n, --namespace <name>', 'the namespace; it is good for no other')
    .addOption(
      new Option('--role <role>', 'what its holder may do')
        .choices(['viewer', 'operator', 'owner'])
        .default('viewer'),
    )
    .addHelpText(
      'after',
      `
Example:
  turnkeep key create shop --namespace demo --role viewer

It goes as X-API-Key, or as Authorization: ApiKey, with every request.
`,
    )
    .action(async (name: string, { namespace, role }: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const made = await client.post(keyPath(namespace), { name, role }, apiKeyCreatedSchema);
      const { id } = made.apiKey;
      output.show(made, () =>
        printable(`API key ${id} (${role} of ${namespace}) created. The key, shown this once: ${made.key}`),
      );
    });
}
