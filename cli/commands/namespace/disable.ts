import { Argument, Command } from 'commander';
import { operationAcceptedSchema, planSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { followOperation } from '../../follow-operation.ts';
import { planText } from '../../plan-text.ts';

type Options = { namespace: string; dryRun?: boolean; wait: boolean };

/** `turnkeep namespace disable webrtc --namespace NAME` */
export function disableCommand(contextOf: ContextOf): Command {
  return new Command('disable')
    .description('take TURN and SFU of a namespace down and release their ports')
    .addArgument(new Argument('<feature>', 'what to disable').choices(['webrtc']))
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--dry-run', 'print the steps, with the ports, rules and records, and change nothing')
    .option('--no-wait', 'print the operation and return at once')
    .addHelpText(
      'after',
      `
Examples:
  turnkeep namespace disable webrtc --namespace demo
  turnkeep namespace disable webrtc --namespace demo --dry-run
`,
    )
    .action(async (_feature: string, options: Options, command: Command) => {
      const context = contextOf(command);
      const { namespace } = options;
      const path = `/v1/namespaces/${encodeURIComponent(namespace)}/webrtc/disable`;
      if (options.dryRun === true) {
        const answer = await context.client.post(path, { dryRun: true }, planSchema);
        context.output.show(answer, () => planText(answer.plan));
        return;
      }
      const accepted = await context.client.post(path, {}, operationAcceptedSchema);
      if (!options.wait) {
        context.output.show(accepted, () => `Operation ${accepted.operationId} runs.`);
        return;
      }
      context.output.note(`Disabling WebRTC for ${namespace}`);
      const operation = await followOperation(context, accepted.operationId);
      context.output.show(operation, () => `WebRTC is disabled for ${namespace}.`);
    });
}
