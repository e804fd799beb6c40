/** Runs a program of the host: bounded in time and output, arguments never through a shell, no environment of ours. */
import { execFile } from 'node:child_process';
import { AdapterError, isErrno } from '../kit/errors.ts';

const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_WORDS = 400;

export type CommandOptions = {
  /** Written to its standard input. */
  input?: string;
  timeoutMs: number;
  /** Debian package that brings the program, for the sentence when it is missing. */
  debianPackage: string;
};

/** @returns its standard output. Rejects with an AdapterError that holds what the program said. */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const { input = '', timeoutMs, debianPackage } = options;
  return new Promise((resolve, reject) => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: '/' };
    const child = execFile(
      file,
      args,
      { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES, env },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
          return;
        }
        const said = (stderr.trim() || stdout.trim()).split('\n').slice(0, 3).join(' ').slice(0, MAX_WORDS);
        const why = isErrno(error, 'ENOENT')
          ? `The program ${file} is missing: install the package ${debianPackage}.`
          : error.killed === true
            ? `${file} did not end within ${String(timeoutMs / 1000)} s.`
            : `${file} refused: ${said || error.message}`;
        reject(
          new AdapterError(why, { operation: file, target: args[0] ?? '', retryable: true, cause: error }),
        );
      },
    );
    // A program that ends before it has read everything says why by its exit code.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
