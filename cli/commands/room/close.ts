import { Command } from 'commander';
import type { ContextOf } from '../../cli-context.ts';
import { roomPath } from './room-path.ts';

/** `turnkeep room close ROOM --namespace NAME` */
export function closeCommand(contextOf: ContextOf): Command {
  return new Command('close')
    .description('end a room: everybody in it is sent away')
    .argument('<room>', 'the room')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText(
      'after',
      '\nExample:\n  turnkeep room close lobby --namespace demo\n\nWho may open a room by joining can open it again (rooms.creation in the configuration).\n',
    )
    .action(async (roomId: string, options: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      await client.delete(roomPath(options.namespace, roomId));
      output.show({ closed: roomId }, () => `Room ${roomId} is closed.`);
    });
}
