import { Command } from 'commander';
import { z } from 'zod';
import type { ContextOf } from '../../cli-context.ts';
import { runBackupProgram, type BackupOptions } from './backup-program.ts';

const answerSchema = z.object({
  dataDir: z.string(),
  createdAt: z.string(),
  files: z.number(),
  replaced: z.string().nullable(),
});

/** `turnkeep backup restore FILE [--replace]` */
export function restoreCommand(contextOf: ContextOf): Command {
  return new Command('restore')
    .description('bring a backup back into the data directory of a daemon that is stopped')
    .argument('<file>', 'a backup')
    .option('--replace', 'move what is there aside, into replaced-TIME/ of the data directory')
    .option('--passphrase-file <path>', 'where the passphrase is; - reads standard input')
    .option('--config <path>', "the daemon's configuration")
    .addHelpText(
      'after',
      `
Example, on a new server:
  systemctl stop turnkeepd
  turnkeep backup restore /root/turnkeep.backup --replace
  systemctl start turnkeepd

A wrong passphrase or a damaged file changes nothing. Enabled namespaces come back on their ports, with their secrets.
`,
    )
    .action(async (file: string, options: BackupOptions & { replace?: true }, command: Command) => {
      const { output } = contextOf(command);
      const words = ['restore', file, ...(options.replace === true ? ['--replace'] : [])];
      const done = answerSchema.parse(await runBackupProgram(words, { ...options, confirm: false }));
      output.show(done, () => {
        const old = done.replaced === null ? '' : ` What was there is in ${done.replaced}.`;
        return `The backup of ${done.createdAt} is in ${done.dataDir}.${old} Start the daemon now.`;
      });
    });
}
