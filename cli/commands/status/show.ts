import { Command } from 'commander';
import { deviceListSchema, namespaceListSchema, readinessSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { OperationFailed, table } from '../../output.ts';

/** `turnkeep status`: exit 1 when the daemon is not ready. */
export function statusCommand(contextOf: ContextOf): Command {
  return new Command('status')
    .description('say in a few lines how the daemon, its namespaces and cameras are')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const readiness = await client.get('/readyz', readinessSchema);
      const { items: namespaces } = await client.get('/v1/namespaces', namespaceListSchema);
      const { devices } = readiness.ready
        ? await client.get('/api/devices', deviceListSchema)
        : { devices: [] };
      output.show({ readiness, namespaces, devices }, () =>
        [
          readiness.ready ? 'The daemon is ready.' : 'The daemon is not ready:',
          ...readiness.problems.map((problem) => `  ${problem}`),
          '',
          table(
            ['NAMESPACE', 'WEBRTC', 'CAMERAS', 'ONLINE', 'LIVE'],
            namespaces.map(({ name, webrtc }) => {
              const mine = devices.filter(({ namespace }) => namespace === name);
              const live = mine.filter(({ media }) => media.state === 'live');
              return [
                name,
                webrtc,
                String(mine.length),
                String(mine.filter(({ online }) => online).length),
                String(live.length),
              ];
            }),
          ),
        ].join('\n'),
      );
      if (!readiness.ready) throw new OperationFailed('not ready');
    });
}
