import { Command } from 'commander';
import { roomViewSchema, type Encoding, type RoomView } from '../../../daemon/contract/rooms.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable, table } from '../../output.ts';
import { bitrate } from './bitrate.ts';
import { roomPath } from './room-path.ts';

/** `turnkeep room show ROOM --namespace NAME` */
export function showCommand(contextOf: ContextOf): Command {
  return new Command('show')
    .description('one room: who is in it, their tracks with codec, size and bitrate')
    .argument('<room>', 'the room')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep room show lobby --namespace demo\n')
    .action(async (roomId: string, options: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const room = await client.get(roomPath(options.namespace, roomId), roomViewSchema);
      output.show(room, () => describe(room));
    });
}

/** What people read: also after a change of the room. */
export function describe(room: RoomView): string {
  const lines = [`Room ${room.roomId} of ${room.namespace}, on ${room.node ?? 'an unknown node'}`];
  if (room.sourceLost !== null) lines.push(printable(`Its source is away: ${room.sourceLost}`));
  if (room.participants.length === 0) return [...lines, 'Nobody is in it.'].join('\n');
  lines.push(
    '',
    table(
      ['PARTICIPANT', 'IDENTITY', 'KIND', 'CONNECTED', 'TRACKS', 'SUBSCRIPTIONS'],
      room.participants.map((one) => [
        one.participantId,
        one.identity,
        one.kind,
        one.connected ? 'yes' : 'away',
        String(one.tracks.length),
        String(one.subscriptions),
      ]),
    ),
  );
  const tracks = room.participants.flatMap((participant) => participant.tracks);
  if (tracks.length === 0) return lines.join('\n');
  const rows = tracks.flatMap((track) => {
    const common = [track.trackId, track.identity, track.source, track.mimeType];
    const state = track.muted ? 'muted' : 'on';
    const encodings: (Encoding | null)[] = track.encodings.length === 0 ? [null] : track.encodings;
    return encodings.map((encoding) => [...common, ...cells(encoding), String(track.watchers), state]);
  });
  const heads = ['TRACK', 'IDENTITY', 'SOURCE', 'CODEC', 'LAYER', 'SIZE', 'RATE', 'RECEIVED', 'WATCHERS'];
  const problems = tracks.flatMap(({ trackId, problem }) =>
    problem === undefined ? [] : [printable(`${trackId}: ${problem}`)],
  );
  return [...lines, '', table([...heads, 'STATE'], rows), ...problems].join('\n');
}

function cells(encoding: Encoding | null): string[] {
  if (encoding === null) return ['-', '-', '-', '0'];
  const { rid, width, height, framesPerSecond } = encoding;
  const size = width === null || height === null ? '-' : `${String(width)}x${String(height)}`;
  const rate = framesPerSecond === 0 ? '-' : `${String(Math.round(framesPerSecond))} fps`;
  return [rid ?? '-', size, rate, bitrate(encoding.bitsPerSecond)];
}
