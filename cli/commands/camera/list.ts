import { Command } from 'commander';
import { deviceListSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { table } from '../../output.ts';

/** `turnkeep camera list` */
export function listCommand(contextOf: ContextOf): Command {
  return new Command('list')
    .description('list the cameras and their state now')
    .option('-n, --namespace <name>', 'only those of this namespace')
    .addHelpText('after', '\nExample:\n  turnkeep camera list --namespace demo\n')
    .action(async ({ namespace }: { namespace?: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const query = namespace === undefined ? '' : `?namespace=${encodeURIComponent(namespace)}`;
      const list = await client.get(`/api/devices${query}`, deviceListSchema);
      output.show(list, () =>
        list.devices.length === 0
          ? 'There is no camera yet. Add one: turnkeep camera add NAME'
          : table(
              ['NAME', 'NAMESPACE', 'STATE', 'VIDEO', 'WATCHING', 'LAST SEEN', 'ID'],
              list.devices.map((one) => [
                one.name,
                one.namespace,
                one.state,
                one.media.state,
                String(one.media.watching),
                one.online ? 'now' : (one.lastSeenAt ?? 'never'),
                one.id,
              ]),
            ),
      );
    });
}
