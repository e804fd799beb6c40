import { Command } from 'commander';
import type { ContextOf } from '../../cli-context.ts';

/** `turnkeep user delete NAME` */
export function deleteCommand(contextOf: ContextOf): Command {
  return new Command('delete')
    .description('delete a user: signed out everywhere at once')
    .argument('<name>', 'the user')
    .addHelpText('after', '\nExample:\n  turnkeep user delete guard\n')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      await client.delete(`/v1/users/${encodeURIComponent(name)}`);
      output.show({ deleted: name }, () => `User ${name} deleted.`);
    });
}
