import { Command } from 'commander';
import { namespaceSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';

/** `turnkeep namespace create NAME` */
export function createCommand(contextOf: ContextOf): Command {
  return new Command('create')
    .description('create a namespace: a tenant with its own TURN and SFU')
    .argument('<name>', 'a-z first, then a-z, 0-9 or "-"; at most 32 characters')
    .addHelpText('after', '\nExample:\n  turnkeep namespace create demo\n')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const created = await client.post('/v1/namespaces', { name }, namespaceSchema);
      output.show(
        created,
        () =>
          `Namespace ${created.name} created. Next: turnkeep namespace enable webrtc --namespace ${created.name}`,
      );
    });
}
