import { Command } from 'commander';
import {
  roomViewersSchema,
  type RoomViewer,
  type SentTrack,
  type ViewerStep,
} from '../../../daemon/contract/rooms.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable } from '../../output.ts';
import { roomPath } from './room-path.ts';

const LABELS: Record<ViewerStep['id'], string> = {
  credential: 'credential',
  allocation: 'relay',
  ice: 'path (ICE)',
  dtls: 'encryption (DTLS)',
  packet: 'first packet',
  'key-frame': 'first key frame',
  decoded: 'first decoded frame',
};

/** `turnkeep room why ROOM [PARTICIPANT] --namespace NAME` */
export function whyCommand(contextOf: ContextOf): Command {
  return new Command('why')
    .description('why is it black: how far each viewer has come, and what is missing')
    .argument('<room>', 'the room; of a camera it is camera:<device id>')
    .argument('[participant]', 'this viewer only')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep room why camera:dev_1a2b3c --namespace demo\n')
    .action(
      async (
        roomId: string,
        participant: string | undefined,
        options: { namespace: string },
        command: Command,
      ) => {
        const { client, output } = contextOf(command);
        const one = participant === undefined ? '' : `&participant=${encodeURIComponent(participant)}`;
        const path = `${roomPath(options.namespace, roomId, 'viewers')}${one}`;
        const answer = await client.get(path, roomViewersSchema);
        output.show(answer, () =>
          answer.viewers.length === 0
            ? 'Nobody watches this room: no browser has a session in it.'
            : answer.viewers.map(describe).join('\n\n'),
        );
      },
    );
}

function describe({ participantId, identity, timelines, sent }: RoomViewer): string {
  return timelines
    .map(({ trackId, steps, sentence }) => {
      const started = steps[0]?.atMs ?? 0;
      const head = `${printable(identity)} (${participantId})${trackId === null ? '' : `, track ${trackId}`}`;
      const lines = steps.map(({ id, done, atMs }) => {
        const after = atMs === null ? '' : `  +${String(Math.max(0, atMs - started))} ms`;
        return `  ${done ? '✓' : '·'} ${LABELS[id]}${after}`;
      });
      const figures = trackId === null ? undefined : sent[trackId];
      const told = figures === undefined ? [] : [`  ${pathLine(figures)}`];
      return [head, ...lines, ...told, `  ${printable(sentence)}`].join('\n');
    })
    .join('\n');
}

/** How its path takes what is sent. */
function pathLine({ packets, nacksReceived, retransmitted, plisReceived, ...sent }: SentTrack): string {
  const loss = sent.fractionLost === null ? [] : [`${(sent.fractionLost * 100).toFixed(1)} % lost`];
  const trip = sent.roundTripMs === null ? [] : [`round trip ${sent.roundTripMs.toFixed(0)} ms`];
  const spared =
    sent.framesSpared === 0 ? [] : [`${String(sent.framesSpared)} pictures left out for its path`];
  return [
    `${String(packets)} packets sent`,
    `${String(nacksReceived)} asked for again (NACK), ${String(retransmitted)} sent again`,
    `${String(plisReceived)} key frames asked for (PLI)`,
    ...[...loss, ...trip, ...spared],
  ].join(', ');
}
