import { Command, Option } from 'commander';
import { tokenCreatedSchema } from '../../../daemon/contract/issuers.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';

type Options = { namespace: string; subject: string; role: string; ttl: number };

/** `turnkeep issuer sign --namespace NAME --subject WHO` */
export function signCommand(contextOf: ContextOf): Command {
  return new Command('sign')
    .description("a token of this server's own issuer, for one user of a namespace")
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .requiredOption('--subject <text>', 'whom it is for')
    .addOption(
      new Option('--role <role>', 'what the user may do')
        .choices(['viewer', 'operator', 'owner'])
        .default('viewer'),
    )
    .option('--ttl <seconds>', 'how long it is good, 60 to 86400', wholeNumber(60, 86_400), 3600)
    .addHelpText('after', '\nExample:\n  turnkeep issuer sign --namespace demo --subject alice --ttl 600\n')
    .action(async ({ namespace, subject, role, ttl }: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const made = await client.post(
        `/v1/namespaces/${encodeURIComponent(namespace)}/tokens`,
        { subject, role, ttlSeconds: ttl },
        tokenCreatedSchema,
      );
      output.show(made, () => made.token);
    });
}
