import { Command } from 'commander';
import { auditVerificationSchema } from '../../../daemon/contract/audit.ts';
import type { ContextOf } from '../../cli-context.ts';
import { OperationFailed } from '../../output.ts';

/** `turnkeep audit verify [--expect SEQ:HASH]` */
export function verifyCommand(contextOf: ContextOf): Command {
  return new Command('verify')
    .description('read every line of the audit and name those that were changed, removed or moved')
    .option('--expect <seq:hash>', 'a line that an earlier verify printed: it has to be there still')
    .addHelpText(
      'after',
      `
Examples:
  turnkeep audit verify
  turnkeep audit verify --expect 1042:5e0c...

Note the printed line down outside this server: with it a whole audit that was put back is found too.
Exit code 1 when something does not fit.
`,
    )
    .action(async ({ expect }: { expect?: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const query = expect === undefined ? '' : `?${new URLSearchParams({ expect }).toString()}`;
      const answer = await client.get(`/v1/audit/verify${query}`, auditVerificationSchema);
      const { intact, lines, first, last, mark, problems } = answer;
      output.show(answer, () => {
        if (!intact) return problems.map(({ message }) => message).join('\n');
        if (mark === null) return 'The audit is empty.';
        const range = `${String(first)} to ${String(last)}`;
        return `The audit is intact: ${String(lines)} lines, ${range}.\nThe newest line: ${mark}`;
      });
      if (!intact) throw new OperationFailed();
    });
}
