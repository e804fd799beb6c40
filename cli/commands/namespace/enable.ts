import { Argument, Command, Option } from 'commander';
import { operationAcceptedSchema, planSchema } from '../../../daemon/contract/api.ts';
import type { RelayScope } from '../../../daemon/contract/names.ts';
import type { ContextOf } from '../../cli-context.ts';
import { followOperation } from '../../follow-operation.ts';
import { planText } from '../../plan-text.ts';
import { wholeNumber } from '../../option-values.ts';

type Options = {
  namespace: string;
  turnPort?: number;
  turnsPort?: number;
  relay: RelayScope;
  dryRun?: boolean;
  wait: boolean;
};

/** `turnkeep namespace enable webrtc --namespace NAME` */
export function enableCommand(contextOf: ContextOf): Command {
  return new Command('enable')
    .description('bring up TURN and SFU for a namespace, prove that they work, and say what was done')
    .addArgument(new Argument('<feature>', 'what to enable').choices(['webrtc']))
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--turn-port <port>', 'public TURN port instead of the next free one', wholeNumber(1, 65_535))
    .option(
      '--turns-port <port>',
      'public TURN port over TLS instead of the next free one',
      wholeNumber(1, 65_535),
    )
    .addOption(
      new Option(
        '--relay <scope>',
        'whom TURN relays to: the SFU of the namespace and nothing else, or also public addresses',
      )
        .choices(['sfu', 'public'])
        .default('sfu'),
    )
    .option('--dry-run', 'print the steps, with the ports, rules and records, and change nothing')
    .option('--no-wait', 'print the operation and return at once')
    .addHelpText(
      'after',
      `
Examples:
  turnkeep namespace enable webrtc --namespace demo
  turnkeep namespace enable webrtc --namespace demo --turn-port 3490
  turnkeep namespace enable webrtc --namespace demo --relay public
  turnkeep namespace enable webrtc --namespace demo --dry-run

If a step fails, everything done before it is undone.
`,
    )
    .action(async (_feature: string, options: Options, command: Command) => {
      const context = contextOf(command);
      const { namespace, turnPort, turnsPort, relay } = options;
      const path = `/v1/namespaces/${encodeURIComponent(namespace)}/webrtc/enable`;
      const body = {
        ...(turnPort === undefined ? {} : { turnPort }),
        ...(turnsPort === undefined ? {} : { turnsPort }),
        ...(relay === 'sfu' ? {} : { relay }),
      };
      if (options.dryRun === true) {
        const answer = await context.client.post(path, { ...body, dryRun: true }, planSchema);
        context.output.show(answer, () => planText(answer.plan));
        return;
      }
      const accepted = await context.client.post(path, body, operationAcceptedSchema);
      if (!options.wait) {
        context.output.show(accepted, () => `Operation ${accepted.operationId} runs.`);
        return;
      }
      context.output.note(`Enabling WebRTC for ${namespace}`);
      const operation = await followOperation(context, accepted.operationId);
      context.output.show(operation, () => `WebRTC is enabled for ${namespace}.`);
    });
}
