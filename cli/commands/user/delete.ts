import { Command } from 'commander';
import type { ContextOf } from '../../cli-context.ts';

/** `turnkeep user delete NAME` */
export function deleteCommand(contextOf: ContextOf): Command {
  return new Command('delete')
    .description('delete a user: signed out everywhere at once')
    .argument('<name>')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const answer = await client.delete(`/v1/users/${encodeURIComponent(name)}`);
      output.show(answer, () => `User ${name} deleted.`);
    });
}
