import { Command } from 'commander';
import type { ContextOf } from '../../cli-context.ts';
import { printable } from '../../output.ts';
import { findCamera } from './find.ts';

/** `turnkeep camera remove CAMERA` */
export function removeCommand(contextOf: ContextOf): Command {
  return new Command('remove')
    .description('delete a camera: its secret stops working and its viewers are disconnected at once')
    .argument('<camera>', 'id, or name where it is unique')
    .option('-n, --namespace <name>', 'look in this namespace only')
    .addHelpText('after', '\nExample:\n  turnkeep camera remove "Loading dock"\n')
    .action(async (given: string, { namespace }: { namespace?: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const camera = await findCamera(client, given, namespace);
      await client.delete(`/api/devices/${encodeURIComponent(camera.id)}`);
      output.show({ deleted: camera.id }, () => `Camera ${printable(camera.name)} (${camera.id}) deleted.`);
    });
}
