/** Runs one of the daemon's programs beside the daemon, which need not run. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export type Ended = { code: number | null; out: string; err: string };

/**
 * @param input what it reads on its standard input, secrets above all: arguments are seen by everybody on the host.
 * Rejects when it cannot be started.
 */
export async function runDaemonProgram(program: string, words: string[], input = ''): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  child.stdin.on('error', () => undefined); // It ended before it read: it says why.
  child.stdin.end(input);
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, out, err: err.trim() };
}
