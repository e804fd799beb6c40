import { Command } from 'commander';
import { deviceCreatedSchema } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { secretText } from './secret-text.ts';

type Options = { namespace?: string; always?: boolean; linger?: number };

/** `turnkeep camera add NAME` */
export function addCommand(contextOf: ContextOf): Command {
  return new Command('add')
    .description('add a camera and print its one-time secret')
    .argument('<name>', 'what people call it, 1 to 80 characters')
    .option('-n, --namespace <name>', 'its namespace; may be left out when there is only one')
    .option('--always', 'pull its video all the time, not only while somebody watches')
    .option('--linger <seconds>', 'keep pulling this long after the last viewer left', wholeNumber(0, 3600))
    .addHelpText(
      'after',
      `
Examples:
  turnkeep camera add "Loading dock" --namespace demo
  turnkeep camera add Gate --linger 60
`,
    )
    .action(async (name: string, { namespace, always, linger }: Options, command: Command) => {
      if (always === true && linger !== undefined)
        command.error('error: --always and --linger exclude each other');
      const { client, output } = contextOf(command);
      const capture =
        always === true
          ? { mode: 'always' }
          : linger === undefined
            ? undefined
            : { mode: 'on-demand', lingerSeconds: linger };
      const body = {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(capture === undefined ? {} : { capture }),
      };
      const made = await client.post('/api/devices', body, deviceCreatedSchema);
      output.show(made, () => secretText(made, 'Added'));
    });
}
