import { join } from 'node:path';
import { Command } from 'commander';
import {
  configCheckSchema,
  configProblemsSchema,
  configReloadSchema,
  configViewSchema,
  type ConfigChange,
  type ConfigCheck,
} from '../../../daemon/contract/config-view.ts';
import type { ContextOf } from '../../cli-context.ts';
import { runDaemonProgram } from '../../daemon-program.ts';
import { OperationFailed, printable, table } from '../../output.ts';
import { readTextFile } from '../../text-file.ts';

const CHECK_PROGRAM = join(import.meta.dirname, '../../../daemon/config-check.ts');

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

/** `turnkeep config check FILE`: on this machine, whether or not a daemon runs. */
export function checkCommand(contextOf: ContextOf): Command {
  return new Command('check')
    .description('name every problem of a configuration file, with its line; no daemon is needed')
    .argument('<file>', 'a configuration file')
    .addHelpText('after', '\nExample:\n  turnkeep config check /etc/turnkeep/turnkeep.yaml\n')
    .action(async (file: string, _options: object, command: Command) => {
      const { output } = contextOf(command);
      const checked = configProblemsSchema.parse(await runCheckProgram(file));
      output.show(checked, () => problemLines(checked.problems) ?? `${file} has no problem.`);
      if (checked.problems.length > 0) throw new OperationFailed();
    });
}

/** `turnkeep config diff FILE` */
export function diffCommand(contextOf: ContextOf): Command {
  return new Command('diff')
    .description(
      'what a configuration file would change in the running daemon, and what has to be restarted for it',
    )
    .argument('<file>', 'a configuration file')
    .addHelpText('after', '\nExample:\n  turnkeep config diff /etc/turnkeep/turnkeep.yaml\n')
    .action(async (file: string, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const text = readTextFile(file);
      const answer = await client.post('/v1/config/check', { text }, configCheckSchema);
      output.show(
        answer,
        () =>
          problemLines(answer.problems) ??
          (answer.changes.length === 0
            ? 'The daemon runs with what the file says.'
            : changeTable('RUNNING', 'FILE', answer.changes)),
      );
      if (answer.problems.length > 0) throw new OperationFailed();
    });
}

/** `turnkeep config reload` */
export function reloadCommand(contextOf: ContextOf): Command {
  return new Command('reload')
    .description('have the daemon read its file again: what it can follow while it runs is in force at once')
    .addHelpText('after', '\nExample:\n  turnkeep config reload\n')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const answer = await client.post('/v1/config/reload', {}, configReloadSchema);
      const { problems, applied, waiting } = answer;
      output.show(answer, () => {
        const lines = problemLines(problems);
        if (lines !== undefined) return `Nothing is changed.\n${lines}`;
        if (applied.length + waiting.length === 0) return 'The daemon runs with what the file says.';
        return [
          ...(applied.length === 0 ? [] : [`In force now:\n${changeTable('WAS', 'IS', applied)}`]),
          ...(waiting.length === 0
            ? []
            : [`Not in force before a restart:\n${changeTable('RUNNING', 'FILE', waiting)}`]),
        ].join('\n');
      });
      if (problems.length > 0) throw new OperationFailed();
    });
}

function problemLines(problems: ConfigCheck['problems']): string | undefined {
  if (problems.length === 0) return undefined;
  return problems
    .map(({ line, key, message }) => {
      const place = line === null ? '' : `line ${String(line)}: `;
      return printable(`${place}${key === '' ? '' : `${key}: `}${message}`);
    })
    .join('\n');
}

function changeTable(before: string, after: string, changes: ConfigChange[]): string {
  return table(
    ['KEY', before, after, 'RESTARTS'],
    changes.map((one) => [one.key, text(one.running), text(one.file), one.restarts]),
  );
}

/** The daemon's own reader in a process of its own, so that the file is judged by the version that stands here. */
async function runCheckProgram(file: string): Promise<unknown> {
  const { out, err } = await runDaemonProgram(CHECK_PROGRAM, [file]);
  if (out.trim() === '') throw new Error(err === '' ? 'The check ended without a word.' : err);
  return JSON.parse(out);
}
