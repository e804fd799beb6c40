import { Command } from 'commander';
import type { ContextOf } from '../../cli-context.ts';

/** `turnkeep issuer remove NAME` */
export function removeCommand(contextOf: ContextOf): Command {
  return new Command('remove')
    .description('accept its tokens no longer; credentials its users hold end by themselves')
    .argument('<name>', 'as `issuer list` shows it')
    .addHelpText('after', '\nExample:\n  turnkeep issuer remove corp\n')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      await client.delete(`/v1/issuers/${encodeURIComponent(name)}`);
      output.show({ removed: name }, () => `Tokens of ${name} are accepted no longer.`);
    });
}
