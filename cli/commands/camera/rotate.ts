import { Command } from 'commander';
import { deviceCreatedSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { findCamera } from './find.ts';
import { secretText } from './secret-text.ts';

/** `turnkeep camera rotate CAMERA` */
export function rotateCommand(contextOf: ContextOf): Command {
  return new Command('rotate')
    .description('give a camera a new secret; the old one stops working at once')
    .argument('<camera>', 'id, or name where it is unique')
    .option('-n, --namespace <name>', 'look in this namespace only')
    .addHelpText('after', '\nExample:\n  turnkeep camera rotate "Loading dock"\n')
    .action(async (given: string, { namespace }: { namespace?: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const camera = await findCamera(client, given, namespace);
      const path = `/api/devices/${encodeURIComponent(camera.id)}/rotate`;
      const made = await client.post(path, {}, deviceCreatedSchema);
      output.show(made, () => secretText(made, 'New secret of'));
    });
}
