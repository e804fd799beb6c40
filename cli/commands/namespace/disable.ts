import { Argument, Command } from 'commander';
import { operationAcceptedSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { followOperation } from '../../follow-operation.ts';

/** `turnkeep namespace disable webrtc --namespace NAME` */
export function disableCommand(contextOf: ContextOf): Command {
  return new Command('disable')
    .description('take TURN and SFU of a namespace down and release their ports')
    .addArgument(new Argument('<feature>', 'what to disable').choices(['webrtc']))
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--no-wait', 'print the operation and return at once')
    .addHelpText('after', '\nExample:\n  turnkeep namespace disable webrtc --namespace demo\n')
    .action(async (_feature: string, options: { namespace: string; wait: boolean }, command: Command) => {
      const context = contextOf(command);
      const { namespace } = options;
      const path = `/v1/namespaces/${encodeURIComponent(namespace)}/webrtc/disable`;
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
