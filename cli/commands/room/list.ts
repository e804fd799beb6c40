import { Command } from 'commander';
import { roomListSchema, type RoomView } from '../../../daemon/contract/rooms.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { table } from '../../output.ts';
import { bitrate } from './bitrate.ts';
import { roomPath } from './room-path.ts';

type Options = { namespace: string; limit: number; after?: string };

/** `turnkeep room list --namespace NAME` */
export function listCommand(contextOf: ContextOf): Command {
  return new Command('list')
    .description('open rooms: participants, tracks, bitrates')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--limit <count>', 'at most so many, 1 to 500', wholeNumber(1, 500), 100)
    .option('--after <room>', 'rooms after this one, in the order of the ids')
    .addHelpText('after', '\nExample:\n  turnkeep room list --namespace demo\n')
    .action(async (options: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const after = options.after === undefined ? '' : `&after=${encodeURIComponent(options.after)}`;
      const path = `${roomPath(options.namespace)}&limit=${String(options.limit)}${after}`;
      const list = await client.get(path, roomListSchema);
      output.show(list, () => {
        if (list.rooms.length === 0) return 'No room is open.';
        const shown = table(
          ['ROOM', 'PARTICIPANTS', 'PUBLISH', 'TRACKS', 'RECEIVED', 'SUBSCRIPTIONS', 'CREATED'],
          list.rooms.map(row),
        );
        return list.next === null ? shown : `${shown}\nThere are more: --after ${list.next} shows them.`;
      });
    });
}

function row({ roomId, participants, createdAtMs }: RoomView): string[] {
  const tracks = participants.flatMap((participant) => participant.tracks);
  const sum = (numbers: number[]): number => numbers.reduce((total, one) => total + one, 0);
  return [
    roomId,
    String(participants.length),
    String(participants.filter((participant) => participant.tracks.length > 0).length),
    String(tracks.length),
    bitrate(sum(tracks.map((track) => track.bitsPerSecond))),
    String(sum(participants.map((participant) => participant.subscriptions))),
    new Date(createdAtMs).toISOString(),
  ];
}
