import { Command } from 'commander';
import type { ContextOf } from '../../cli-context.ts';

/** `turnkeep namespace delete NAME` */
export function deleteCommand(contextOf: ContextOf): Command {
  return new Command('delete')
    .description('delete a namespace and its API keys, for good; disable WebRTC first')
    .argument('<name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep namespace delete demo\n')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      await client.delete(`/v1/namespaces/${encodeURIComponent(name)}`);
      output.show({ deleted: name }, () => `Namespace ${name} deleted.`);
    });
}
