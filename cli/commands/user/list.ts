import { Command } from 'commander';
import { userListSchema } from '../../../daemon/contract/identity.ts';
import type { ContextOf } from '../../cli-context.ts';
import { table } from '../../output.ts';

/** `turnkeep user list` */
export function listCommand(contextOf: ContextOf): Command {
  return new Command('list')
    .description('list the users of the console')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const list = await client.get('/v1/users', userListSchema);
      output.show(list, () =>
        table(
          ['NAME', 'ROLE', 'STATE', 'LAST ACTIVE'],
          list.items.map(({ name, role, disabled, lastActiveAt }) => [
            name,
            role,
            disabled ? 'disabled' : 'enabled',
            lastActiveAt ?? '-',
          ]),
        ),
      );
    });
}
