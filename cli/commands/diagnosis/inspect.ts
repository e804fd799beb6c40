import { Command } from 'commander';
import { inspectionSchema, type Inspection } from '../../../daemon/contract/diagnosis.ts';
import type { ContextOf } from '../../cli-context.ts';
import { OperationFailed, printable } from '../../output.ts';

/** `turnkeep inspect`: exit 1 when something fails. */
export function inspectCommand(contextOf: ContextOf): Command {
  return new Command('inspect')
    .description(
      'check everything against everything: what is wrong, and what to do; exit code 1 on a failure',
    )
    .addHelpText(
      'after',
      `
It compares what is wanted with the database, the state file, the services, their sockets and certificates, the clock
and the host. Nothing is changed.
`,
    )
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const inspection = await client.get('/v1/inspect', inspectionSchema);
      output.show(inspection, () => describe(inspection));
      if (!inspection.ok) throw new OperationFailed('something fails');
    });
}

const MARKS = { failure: 'FAIL', warning: 'warn', notice: 'note', ok: 'ok  ' } as const;

function describe({ findings }: Inspection): string {
  const lines = findings.flatMap(({ severity, check, sentence, remedy }) => [
    printable(`${MARKS[severity]}  ${check}: ${sentence}`),
    ...(remedy === null ? [] : [printable(`      ${remedy}`)]),
  ]);
  const failures = findings.filter(({ severity }) => severity === 'failure').length;
  const end =
    failures === 0
      ? 'Nothing fails.'
      : `${String(failures)} ${failures === 1 ? 'check fails' : 'checks fail'}.`;
  return [...lines, '', end].join('\n');
}
