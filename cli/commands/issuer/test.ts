import { Command } from 'commander';
import { tokenVerdictSchema } from '../../../daemon/contract/issuers.ts';
import type { ContextOf } from '../../cli-context.ts';
import { OperationFailed, printable } from '../../output.ts';
import { readTextFile } from '../../text-file.ts';

/** `turnkeep issuer test FILE`: exit 1 when the token is refused. */
export function testCommand(contextOf: ContextOf): Command {
  return new Command('test')
    .description('what this server makes of a token, and why it refuses it')
    .argument('<file>', 'a file with the token; - reads standard input')
    .addHelpText(
      'after',
      '\nExamples:\n  turnkeep issuer test token.txt\n  get-token | turnkeep issuer test -\n',
    )
    .action(async (file: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const token = readTextFile(file).trim();
      const verdict = await client.post('/v1/issuers/test', { token }, tokenVerdictSchema);
      const { accepted, reason, identity, namespace, role, expiresAt } = verdict;
      output.show(verdict, () =>
        accepted
          ? printable(
              `Accepted: ${identity ?? ''} is ${role ?? ''} of ${namespace ?? ''} until ${expiresAt ?? ''}.`,
            )
          : printable(reason ?? ''),
      );
      if (!accepted) throw new OperationFailed('the token is refused');
    });
}
