import { Command } from 'commander';
import { roomViewSchema } from '../../../daemon/contract/rooms.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { roomPath } from './room-path.ts';

type Options = { namespace: string; emptyTimeout?: number; keep?: true; maxParticipants?: number };

/** `turnkeep room create ROOM --namespace NAME` */
export function createCommand(contextOf: ContextOf): Command {
  return new Command('create')
    .description('make a room; it comes back when its SFU is restarted')
    .argument('[room]', 'its id; one is chosen when it is left out')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option(
      '--empty-timeout <seconds>',
      'kept so long while nobody is in it, 5 to 86400 (default: 300)',
      wholeNumber(5, 86_400),
    )
    .option('--keep', 'kept until it is closed')
    .option('--max-participants <count>', 'nobody more gets in, 1 to 10000', wholeNumber(1, 10_000))
    .addHelpText('after', '\nExample:\n  turnkeep room create lobby --namespace demo --keep\n')
    .action(async (roomId: string | undefined, options: Options, command: Command) => {
      if (options.keep && options.emptyTimeout !== undefined) {
        command.error('error: --keep and --empty-timeout exclude each other');
      }
      const { client, output } = contextOf(command);
      const { emptyTimeout, maxParticipants, keep } = options;
      const body = {
        ...(roomId === undefined ? {} : { roomId }),
        ...(emptyTimeout === undefined ? {} : { emptyTimeoutSeconds: emptyTimeout }),
        ...(keep ? { emptyTimeoutSeconds: null } : {}),
        ...(maxParticipants === undefined ? {} : { maxParticipants }),
      };
      const room = await client.post(roomPath(options.namespace), body, roomViewSchema);
      output.show(room, () => `Room ${room.roomId} is open.`);
    });
}
