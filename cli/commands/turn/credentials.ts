import { Command } from 'commander';
import { turnCredentialsSchema } from '../../../daemon/contract/ice.ts';
import type { ContextOf } from '../../cli-context.ts';
import { table } from '../../output.ts';
import { turnPath } from './turn-path.ts';

/** `turnkeep turn credentials --namespace NAME` */
export function credentialsCommand(contextOf: ContextOf): Command {
  return new Command('credentials')
    .description('make time-limited TURN credentials, for example to try a client')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--subject <subject>', 'whom they are for, instead of yourself')
    .addHelpText('after', '\nExample:\n  turnkeep turn credentials --namespace demo --subject alice --json\n')
    .action(async ({ namespace, subject }: { namespace: string; subject?: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const body = subject === undefined ? {} : { subject };
      const made = await client.post(turnPath(namespace, 'credentials'), body, turnCredentialsSchema);
      output.show(made, () =>
        table(
          ['Username', made.username],
          [
            ['Password', made.password],
            ['Valid for', `${String(made.ttl)} s`],
            ...made.uris.map((uri, at) => [at === 0 ? 'URIs' : '', uri]),
          ],
        ),
      );
    });
}
