import { Command } from 'commander';
import { repairReportSchema, type RepairReport } from '../../../daemon/contract/diagnosis.ts';
import type { ContextOf } from '../../cli-context.ts';
import { OperationFailed, printable } from '../../output.ts';

/** `turnkeep repair`: exit 1 when something could not be set anew. */
export function repairCommand(contextOf: ContextOf): Command {
  return new Command('repair')
    .description('set anew what others changed of the firewall rules and DNS records of this host')
    .addHelpText(
      'after',
      `
The daemon does so by itself every two minutes; this does it now. Sessions and services go on. Exit code 1 when
something could not be mended.
`,
    )
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const report = await client.post('/v1/repair', {}, repairReportSchema);
      output.show(report, () => describe(report));
      if (!report.ok) throw new OperationFailed('something could not be mended');
    });
}

function describe({ repairs }: RepairReport): string {
  if (repairs.length === 0) return 'Everything is as it has to be.';
  return repairs
    .flatMap(({ what, found, problem }) => [
      printable(`${problem === '' ? 'mended' : 'FAIL  '}  ${what}: ${found}`),
      ...(problem === '' ? [] : [printable(`        ${problem}`)]),
    ])
    .join('\n');
}
