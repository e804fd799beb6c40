import { Command } from 'commander';
import { mutedSchema } from '../../../daemon/contract/rooms.ts';
import type { ContextOf } from '../../cli-context.ts';
import { roomPath } from './room-path.ts';

type Options = { namespace: string; audio?: true; video?: true };

/** `turnkeep room mute ROOM PARTICIPANT --namespace NAME` */
export function muteCommand(contextOf: ContextOf): Command {
  return command(contextOf, { name: 'mute', muted: true })
    .description('send nothing of a participant to anybody, now and after it has come back')
    .addHelpText('after', '\nExample:\n  turnkeep room mute lobby p_1a2b3c --namespace demo --audio\n');
}

/** `turnkeep room unmute ROOM PARTICIPANT --namespace NAME` */
export function unmuteCommand(contextOf: ContextOf): Command {
  return command(contextOf, { name: 'unmute', muted: false })
    .description('undo a mute; what the participant has muted itself stays muted')
    .addHelpText('after', '\nExample:\n  turnkeep room unmute lobby p_1a2b3c --namespace demo\n');
}

function command(contextOf: ContextOf, what: { name: string; muted: boolean }): Command {
  return new Command(what.name)
    .argument('<room>', 'the room')
    .argument('<participant>', 'the participant, as `room show` tells it')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--audio', 'sound only')
    .option('--video', 'pictures only')
    .action(async (roomId: string, participantId: string, options: Options, self: Command) => {
      const { client, output } = contextOf(self);
      const { audio, video, namespace } = options;
      const kind = audio === video ? {} : { kind: audio ? 'audio' : 'video' };
      const body = { participantId, muted: what.muted, ...kind };
      const answer = await client.post(roomPath(namespace, roomId, 'mute'), body, mutedSchema);
      output.show(answer, () => {
        const state = what.muted ? 'muted' : 'not muted any more';
        return `${String(answer.tracks)} ${answer.tracks === 1 ? 'track is' : 'tracks are'} ${state}.`;
      });
    });
}
