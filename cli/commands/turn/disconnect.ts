import { Command } from 'commander';
import {
  disconnectedSchema,
  disconnectTargetSchema,
  type DisconnectTarget,
} from '../../../daemon/contract/turn-operations.ts';
import type { ContextOf } from '../../cli-context.ts';
import { turnPath } from './turn-path.ts';

type Options = { namespace: string; subject?: string; username?: string; session?: string };

/** `turnkeep turn disconnect --namespace NAME --subject WHO` */
export function disconnectCommand(contextOf: ContextOf): Command {
  return new Command('disconnect')
    .description('end sessions at once: of a subject, of a username, or one')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--subject <subject>', 'all sessions of this subject')
    .option('--username <username>', 'all sessions of this credential')
    .option('--session <id>', 'this session')
    .addHelpText(
      'after',
      `
Examples:
  turnkeep turn disconnect --namespace demo --subject alice
  turnkeep turn disconnect --namespace demo --session 0123456789abcdef

The client may come back while its credential is valid.
`,
    )
    .action(async (options: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const target = targetOf(options, command);
      const answer = await client.post(turnPath(options.namespace, 'disconnect'), target, disconnectedSchema);
      output.show(
        answer,
        () => `${String(answer.ended)} ${answer.ended === 1 ? 'session' : 'sessions'} ended.`,
      );
    });
}

function targetOf({ subject, username, session }: Options, command: Command): DisconnectTarget {
  const named = Object.entries({ subject, username, sessionId: session }).filter(
    ([, value]) => value !== undefined,
  );
  const parsed = disconnectTargetSchema.safeParse(Object.fromEntries(named));
  if (parsed.success) return parsed.data;
  return command.error('error: name exactly one of --subject, --username and --session');
}
