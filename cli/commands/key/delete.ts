import { Command } from 'commander';
import type { ContextOf } from '../../cli-context.ts';
import { printable } from '../../output.ts';
import { keyPath } from './key-path.ts';

/** `turnkeep key delete ID --namespace NAME` */
export function deleteCommand(contextOf: ContextOf): Command {
  return new Command('delete')
    .description('delete an API key: refused from now on, and its sessions end')
    .argument('<id>', 'as `key list` shows it')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep key delete ak_1a2b3c --namespace demo\n')
    .action(async (id: string, { namespace }: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      await client.delete(keyPath(namespace, id));
      output.show({ deleted: id }, () => printable(`API key ${id} of ${namespace} deleted.`));
    });
}
