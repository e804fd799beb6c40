import { Command } from 'commander';
import { kickedSchema } from '../../../daemon/contract/rooms.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { roomPath } from './room-path.ts';

type Options = { namespace: string; reason?: string; for: number };

/** `turnkeep room kick ROOM PARTICIPANT --namespace NAME` */
export function kickCommand(contextOf: ContextOf): Command {
  return new Command('kick')
    .description('send a participant away, and everybody of the same identity')
    .argument('<room>', 'the room')
    .argument('<participant>', 'the participant, as `room show` tells it')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--reason <text>', 'what the participant is told')
    .option(
      '--for <seconds>',
      'how long the identity stays out, 0 to 86400; 0: this participant only',
      wholeNumber(0, 86_400),
      30,
    )
    .addHelpText(
      'after',
      `
Example:
  turnkeep room kick lobby p_1a2b3c --namespace demo --for 3600 --reason "Please be quiet"

To end what somebody may do in the whole namespace: turnkeep turn revoke.
`,
    )
    .action(async (roomId: string, participantId: string, options: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const { reason, namespace } = options;
      const body = {
        participantId,
        forSeconds: options.for,
        ...(reason !== undefined && { reason }),
      };
      const answer = await client.post(roomPath(namespace, roomId, 'kick'), body, kickedSchema);
      output.show(answer, () => {
        return `${String(answer.ended)} ${answer.ended === 1 ? 'participant' : 'participants'} sent away.`;
      });
    });
}
