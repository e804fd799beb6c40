/** Files that people name on the command line. */
import { readFileSync } from 'node:fs';

const WHY: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'you may not read it',
  EISDIR: 'it is a folder',
};

/** `-` reads standard input. Throws a sentence. */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const name = path === '-' ? 'Standard input' : path;
    throw new Error(`${name} cannot be read: ${WHY[code] ?? message}.`, { cause });
  }
}
