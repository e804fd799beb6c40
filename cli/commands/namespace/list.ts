import { Command } from 'commander';
import { namespaceListSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { table } from '../../output.ts';

/** `turnkeep namespace list` */
export function listCommand(contextOf: ContextOf): Command {
  return new Command('list')
    .description('list the namespaces')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const list = await client.get('/v1/namespaces', namespaceListSchema);
      output.show(list, () =>
        list.items.length === 0
          ? 'There is no namespace yet. Create one: turnkeep namespace create NAME'
          : table(
              ['NAME', 'WEBRTC', 'CREATED'],
              list.items.map(({ name, webrtc, createdAt }) => [name, webrtc, createdAt]),
            ),
      );
    });
}
