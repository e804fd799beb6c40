/** Runs the daemon's backup program beside the daemon, which need not run: the passphrase goes by its standard input. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runDaemonProgram } from '../../daemon-program.ts';
import { OperationFailed } from '../../output.ts';
import { readTextFile } from '../../text-file.ts';

const PROGRAM = join(import.meta.dirname, '../../../daemon/backup.ts');
const SYSTEM_CONFIG = '/etc/turnkeep/turnkeep.yaml';

export type BackupOptions = { config?: string; passphraseFile?: string };

/** @returns what it printed. Rejects with its sentence. */
export async function runBackupProgram(
  words: string[],
  options: BackupOptions & { confirm: boolean },
): Promise<unknown> {
  const passphrase = await readPassphrase(options);
  const config = options.config ?? (existsSync(SYSTEM_CONFIG) ? SYSTEM_CONFIG : undefined);
  const { code, out, err } = await runDaemonProgram(
    PROGRAM,
    [...words, ...(config === undefined ? [] : ['--config', config])],
    passphrase,
  );
  if (code === 0) return JSON.parse(out);
  throw new Error(err === '' ? 'The backup program ended without a word.' : err);
}

async function readPassphrase(options: BackupOptions & { confirm: boolean }): Promise<string> {
  const { passphraseFile, confirm } = options;
  if (passphraseFile !== undefined) {
    return readTextFile(passphraseFile).replace(/\r?\n$/, '');
  }
  if (!process.stdin.isTTY) {
    throw new Error('Give the passphrase with --passphrase-file FILE, or - for standard input.');
  }
  const first = await askHidden('Passphrase: ');
  if (confirm && (await askHidden('Once more:  ')) !== first) throw new Error('The two are not the same.');
  return first;
}

/** Reads a line from the terminal without showing it. */
function askHidden(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let line = '';
    const read = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n' || character === '\u0003' || character === '\u0004') {
          stdin.off('data', read);
          stdin.setRawMode(false);
          stdin.pause();
          stderr.write('\n');
          if (character === '\u0003') reject(new OperationFailed('interrupted'));
          else resolve(line);
          return;
        }
        line = character === '\u007f' || character === '\b' ? line.slice(0, -1) : line + character;
      }
    };
    stdin.on('data', read);
  });
}
