import { Command, Option } from 'commander';
import { userPasswordSchema } from '../../../daemon/contract/identity.ts';
import type { ContextOf } from '../../cli-context.ts';

/** `turnkeep user create NAME` */
export function createCommand(contextOf: ContextOf): Command {
  return new Command('create')
    .description('create a user of the console and print the generated password once')
    .argument('<name>', 'what the user signs in as')
    .addOption(
      new Option('--role <role>', 'what the user may do')
        .choices(['viewer', 'operator', 'owner'])
        .default('viewer'),
    )
    .addHelpText('after', '\nExample:\n  turnkeep user create guard --role viewer\n')
    .action(async (name: string, { role }: { role: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const made = await client.post('/v1/users', { name, role }, userPasswordSchema);
      output.show(
        made,
        () => `User ${name} (${made.user.role}) created. Password, shown this once: ${made.password}`,
      );
    });
}
