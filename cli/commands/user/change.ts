import { Argument, Command } from 'commander';
import { listedUserSchema, type ChangeUser } from '../../../daemon/contract/identity.ts';
import type { ContextOf } from '../../cli-context.ts';

async function change(
  contextOf: ContextOf,
  command: Command,
  options: { name: string; change: ChangeUser; said: string },
): Promise<void> {
  const { client, output } = contextOf(command);
  const path = `/v1/users/${encodeURIComponent(options.name)}`;
  output.show(await client.patch(path, options.change, listedUserSchema), () => options.said);
}

/** `turnkeep user set-role NAME ROLE` */
export function setRoleCommand(contextOf: ContextOf): Command {
  return new Command('set-role')
    .description('change what a user may do')
    .argument('<name>', 'the user')
    .addArgument(new Argument('<role>', 'what the user may do').choices(['viewer', 'operator', 'owner']))
    .addHelpText('after', '\nExample:\n  turnkeep user set-role guard operator\n')
    .action(
      async (name: string, role: 'viewer' | 'operator' | 'owner', _options: object, command: Command) => {
        await change(contextOf, command, { name, change: { role }, said: `User ${name} is ${role}.` });
      },
    );
}

/** `turnkeep user disable NAME` */
export function disableCommand(contextOf: ContextOf): Command {
  return new Command('disable')
    .description('sign a user out everywhere and keep it out, until it is enabled again')
    .argument('<name>', 'the user')
    .addHelpText('after', '\nExample:\n  turnkeep user disable guard\n')
    .action(async (name: string, _options: object, command: Command) => {
      await change(contextOf, command, { name, change: { disabled: true }, said: `User ${name} disabled.` });
    });
}

/** `turnkeep user enable NAME` */
export function enableCommand(contextOf: ContextOf): Command {
  return new Command('enable')
    .description('let a disabled user sign in again')
    .argument('<name>', 'the user')
    .addHelpText('after', '\nExample:\n  turnkeep user enable guard\n')
    .action(async (name: string, _options: object, command: Command) => {
      await change(contextOf, command, { name, change: { disabled: false }, said: `User ${name} enabled.` });
    });
}
