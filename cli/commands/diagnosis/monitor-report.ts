import { Command } from 'commander';
import { monitorReportSchema, type MonitorReport } from '../../../daemon/contract/diagnosis.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable, table } from '../../output.ts';

/** `turnkeep monitor report` */
export function monitorReportCommand(contextOf: ContextOf): Command {
  return new Command('report')
    .description('per namespace: SFU and TURN up by live probe, sessions, packets per second, ports')
    .addHelpText('after', '\nExample:\n  turnkeep monitor report --json\n')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const report = await client.get('/v1/monitor', monitorReportSchema);
      output.show(report, () => describe(report));
    });
}

function describe({ namespaces }: MonitorReport): string {
  if (namespaces.length === 0) return 'There is no namespace.';
  const rows = namespaces.map((one) => [
    one.namespace,
    one.state,
    upOrDown(one.sfu_up),
    upOrDown(one.turn_up),
    known(one.sessions),
    known(one.allocations),
    known(one.sfu_pps),
    known(one.turn_pps),
    one.ports === null ? '-' : `${String(one.ports.turn)} ${String(one.ports.turns)}`,
  ]);
  const headers = [
    ...['NAMESPACE', 'WEBRTC', 'SFU', 'TURN', 'SESSIONS', 'ALLOCATIONS', 'SFU PPS', 'TURN PPS', 'TURN PORTS'],
  ];
  const down = namespaces.filter(({ sfu_up, turn_up }) => sfu_up === false || turn_up === false);
  const why = down.flatMap(({ namespace, sentences }) =>
    sentences.map((sentence) => printable(`${namespace}: ${sentence}`)),
  );
  return [table(headers, rows), ...(why.length === 0 ? [] : ['', ...why])].join('\n');
}

function upOrDown(up: boolean | null): string {
  if (up === null) return '-';
  return up ? 'up' : 'DOWN';
}

function known(count: number | null): string {
  return count === null ? '-' : String(count);
}
