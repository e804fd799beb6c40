import { Command } from 'commander';
import { signInCodeSchema } from '../../../daemon/contract/identity.ts';
import type { ContextOf } from '../../cli-context.ts';

/** `turnkeep user sign-in-code [NAME]` */
export function signInCodeCommand(contextOf: ContextOf): Command {
  return new Command('sign-in-code')
    .description('make a code that signs a user in once, within 15 minutes')
    .argument('[name]', 'the user', 'admin')
    .addHelpText('after', '\nExample:\n  turnkeep user sign-in-code\n')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const path = `/v1/users/${encodeURIComponent(name)}/sign-in-code`;
      const made = await client.post(path, {}, signInCodeSchema);
      output.show(made, () => `${made.code}\nSigns ${name} in once, until ${made.expiresAt}.`);
    });
}
