import { Command } from 'commander';
import { revokedListSchema, revokedSchema } from '../../../daemon/contract/turn-access.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable, table } from '../../output.ts';
import { turnPath } from './turn-path.ts';

type Options = { namespace: string; subject: string };

/** `turnkeep turn revoke --namespace NAME --subject WHO` */
export function revokeCommand(contextOf: ContextOf): Command {
  return new Command('revoke')
    .description('end the sessions of a subject and refuse it until it is allowed again')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .requiredOption('--subject <subject>', 'as `turn sessions` shows it: alice, pat:0badc0de, app:client-1')
    .addHelpText(
      'after',
      `
Example:
  turnkeep turn revoke --namespace demo --subject alice

Users, API keys and cameras that are deleted are revoked by themselves.
`,
    )
    .action(async ({ namespace, subject }: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const answer = await client.post(turnPath(namespace, 'revoke'), { subject }, revokedSchema);
      const ended = `${String(answer.ended)} ${answer.ended === 1 ? 'session' : 'sessions'} ended`;
      output.show(answer, () => printable(`${answer.subject} is revoked in ${namespace}; ${ended}.`));
    });
}

/** `turnkeep turn unrevoke --namespace NAME --subject WHO` */
export function unrevokeCommand(contextOf: ContextOf): Command {
  return new Command('unrevoke')
    .description('allow a revoked subject again')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .requiredOption('--subject <subject>', 'as `turn revoked` shows it')
    .addHelpText('after', '\nExample:\n  turnkeep turn unrevoke --namespace demo --subject alice\n')
    .action(async ({ namespace, subject }: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const answer = await client.post(turnPath(namespace, 'unrevoke'), { subject });
      output.show(answer, () => printable(`${subject} is allowed again in ${namespace}.`));
    });
}

/** `turnkeep turn revoked --namespace NAME` */
export function revokedCommand(contextOf: ContextOf): Command {
  return new Command('revoked')
    .description('who is refused, and until when')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep turn revoked --namespace demo\n')
    .action(async ({ namespace }: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const list = await client.get(turnPath(namespace, 'revoked'), revokedListSchema);
      output.show(list, () =>
        list.items.length === 0
          ? 'Nobody is revoked.'
          : table(
              ['SUBJECT', 'UNTIL'],
              list.items.map(({ subject, until }) => [subject, until ?? 'allowed again']),
            ),
      );
    });
}
