import { Command } from 'commander';
import { portMapSchema, type PortMap } from '../../../daemon/contract/diagnosis.ts';
import type { ContextOf } from '../../cli-context.ts';
import { table } from '../../output.ts';

/** `turnkeep ports` */
export function portsCommand(contextOf: ContextOf): Command {
  return new Command('ports')
    .description('the map of ports: blocks and listeners of each namespace, and how many are left')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const map = await client.get('/v1/ports', portMapSchema);
      output.show(map, () => describe(map));
    });
}

function describe({ ranges, namespaces, freePlaces }: PortMap): string {
  const places = `${String(freePlaces)} more ${freePlaces === 1 ? 'namespace fits' : 'namespaces fit'}.`;
  const shown = table(
    ['RANGE', 'PORTS', 'BLOCK', 'BLOCKS', 'FREE'],
    ranges.map(({ title, minPort, maxPort, size, blocks, free }) => [
      title,
      between({ minPort, maxPort }),
      String(size),
      String(blocks),
      String(free),
    ]),
  );
  if (namespaces.length === 0) return `${shown}\n\nNo namespace has ports. ${places}`;
  const mine = table(
    ['NAMESPACE', 'TURN', 'TURNS', 'RELAY', 'SFU MEDIA', 'SFU SIGNALING', 'LISTENS'],
    namespaces.map(({ namespace, ports, listeners }) => [
      namespace,
      String(ports.turn),
      String(ports.turns),
      between(ports.turnRelay),
      between(ports.sfuMedia),
      String(ports.sfuSignaling),
      listeners
        .map(({ transport, address, port, open }) =>
          [transport, address, String(port), ...(open ? [] : ['(closed)'])].join(' '),
        )
        .join(', ') || 'no answer',
    ]),
  );
  return `${shown}\n\n${mine}\n\n${places}`;
}

function between({ minPort, maxPort }: { minPort: number; maxPort: number }): string {
  return `${String(minPort)}-${String(maxPort)}`;
}
