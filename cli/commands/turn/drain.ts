import { Command } from 'commander';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { turnPath } from './turn-path.ts';

/** `turnkeep turn drain --namespace NAME` */
export function drainCommand(contextOf: ContextOf): Command {
  return new Command('drain')
    .description('take no new sessions; the service ends when it is empty or at the deadline')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--deadline <seconds>', 'end what is left after so many seconds', wholeNumber(0, 86_400), 300)
    .addHelpText(
      'after',
      `
Example:
  turnkeep turn drain --namespace demo --deadline 600

It stays drained until WebRTC is disabled and enabled again, or the daemon starts.
`,
    )
    .action(async ({ namespace, deadline }: { namespace: string; deadline: number }, command: Command) => {
      const { client, output } = contextOf(command);
      const answer = await client.post(turnPath(namespace, 'drain'), { deadlineSeconds: deadline });
      output.show(answer, () => `The TURN service of ${namespace} takes no new sessions.`);
    });
}
