import { Command } from 'commander';
import { userPasswordSchema } from '../../../daemon/contract/identity.ts';
import type { ContextOf } from '../../cli-context.ts';

/** `turnkeep user reset-password [NAME]` */
export function resetPasswordCommand(contextOf: ContextOf): Command {
  return new Command('reset-password')
    .description('give a user a new generated password and sign them out everywhere')
    .argument('[name]', 'the user', 'admin')
    .addHelpText('after', '\nExample:\n  turnkeep user reset-password guard\n')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const path = `/v1/users/${encodeURIComponent(name)}/reset-password`;
      const made = await client.post(path, {}, userPasswordSchema);
      output.show(made, () => `New password of ${name}, shown this once: ${made.password}`);
    });
}
