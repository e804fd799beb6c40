import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { configCheckSchema, configViewSchema } from '../../../daemon/contract/config-view.ts';
import type { ContextOf } from '../../cli-context.ts';
import { OperationFailed, printable, table } from '../../output.ts';

const text = (value: unknown): string => JSON.stringify(value);

/** `turnkeep config show` */
export function showCommand(contextOf: ContextOf): Command {
  return new Command('show')
    .description('every key that the running daemon works with; defaults are marked')
    .addHelpText('after', '\nExample:\n  turnkeep config show\n')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const view = await client.get('/v1/config', configViewSchema);
      output.show(view, () =>
        table(
          ['KEY', 'VALUE', ''],
          view.values.map(({ key, value, isDefault }) => [key, text(value), isDefault ? 'default' : '']),
        ),
      );
    });
}

/** `turnkeep config check FILE` and `turnkeep config diff FILE` */
export function checkCommand(contextOf: ContextOf, name: 'check' | 'diff'): Command {
  return new Command(name)
    .description(
      name === 'check'
        ? 'name every problem of a configuration file, with its line'
        : 'what a configuration file would change in the running daemon, and what has to be restarted for it',
    )
    .argument('<file>')
    .addHelpText('after', `\nExample:\n  turnkeep config ${name} /etc/turnkeep/turnkeep.yaml\n`)
    .action(async (file: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const answer = await client.post(
        '/v1/config/check',
        { text: readFileSync(file, 'utf8') },
        configCheckSchema,
      );
      const { problems, changes } = answer;
      output.show(answer, () => {
        if (problems.length > 0) {
          const lines = problems.map(({ line, key, message }) =>
            printable(
              `${line === null ? '' : `line ${String(line)}: `}${key === '' ? '' : `${key}: `}${message}`,
            ),
          );
          return lines.join('\n');
        }
        if (name === 'check') return `${file} has no problem.`;
        if (changes.length === 0) return 'The daemon runs with what the file says.';
        return table(
          ['KEY', 'RUNNING', 'FILE', 'RESTARTS'],
          changes.map((one) => [one.key, text(one.running), text(one.file), one.restarts]),
        );
      });
      if (problems.length > 0) throw new OperationFailed();
    });
}
