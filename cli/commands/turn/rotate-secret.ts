import { Command } from 'commander';
import { operationAcceptedSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { followOperation } from '../../follow-operation.ts';
import { turnPath } from './turn-path.ts';

type Options = { namespace: string; now?: boolean; wait: boolean };

/** `turnkeep turn rotate-secret --namespace NAME` */
export function rotateSecretCommand(contextOf: ContextOf): Command {
  return new Command('rotate-secret')
    .description('issue credentials with a new secret; no session is dropped')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--now', 'refuse credentials of the older secret at once, as after a leak')
    .option('--no-wait', 'return as soon as the operation has been accepted')
    .addHelpText(
      'after',
      `
Example:
  turnkeep turn rotate-secret --namespace demo

Credentials of before are good until they end, a day at most. With --now they open no new session;
sessions that are open go on in either case.
`,
    )
    .action(async ({ namespace, now, wait }: Options, command: Command) => {
      const context = contextOf(command);
      const path = turnPath(namespace, 'rotate-secret');
      const accepted = await context.client.post(path, { now: now === true }, operationAcceptedSchema);
      if (!wait) {
        context.output.show(accepted, () => `Operation ${accepted.operationId} runs.`);
        return;
      }
      context.output.note(`Rotating the TURN secret of ${namespace}`);
      const operation = await followOperation(context, accepted.operationId);
      context.output.show(operation, () => `The TURN secret of ${namespace} is rotated.`);
    });
}
