import { Command } from 'commander';
import { z } from 'zod';
import type { ContextOf } from '../../cli-context.ts';
import { runBackupProgram, type BackupOptions } from './backup-program.ts';

const answerSchema = z.object({ file: z.string(), bytes: z.number(), files: z.number() });

/** `turnkeep backup create FILE` */
export function createCommand(contextOf: ContextOf): Command {
  return new Command('create')
    .description('write namespaces, cameras, users, secrets, ports, keys and CA into one encrypted file')
    .argument('<file>', 'where it is written; never over another file')
    .option(
      '--passphrase-file <path>',
      'where the passphrase is, 12 characters or more; - reads standard input',
    )
    .option('--config <path>', "the daemon's configuration")
    .addHelpText(
      'after',
      `
Example:
  turnkeep backup create /root/turnkeep.backup

Asks for the passphrase when a terminal is there. Who has file and passphrase has every secret of this server, and
nobody can open the file without it. The daemon may run meanwhile. The configuration file is not in it.
`,
    )
    .action(async (file: string, options: BackupOptions, command: Command) => {
      const { output } = contextOf(command);
      const made = answerSchema.parse(
        await runBackupProgram(['create', file], { ...options, confirm: true }),
      );
      output.show(
        made,
        () => `${made.file}: ${String(made.files)} files, ${String(made.bytes)} bytes, encrypted.`,
      );
    });
}
