/**
 * Node's compile cache of the services' programs. A service that finds itself compiled starts sooner and never takes
 * the 30 MB of memory that Node needs to strip types. What lies there is run, so the folder is ours alone.
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';

const TIME_LIMIT_MS = 60_000;
/** At the start of a host the processors have better things to do. */
const LATER_MS = 30_000;

/** The environment of a service whose cache is below the data directory; makes the folder. */
export function compileCacheIn(dataDir: string): { NODE_COMPILE_CACHE?: string } {
  const folder = join(dataDir, 'cache', 'compile');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    return { NODE_COMPILE_CACHE: folder };
  } catch {
    return {}; // It only saves time and memory: no reason not to start a service.
  }
}

/**
 * Has each program loaded once, so that the next process finds it compiled. Every start of the daemon does so, for
 * the programs may be new; only with an empty cache, on the first start, is there something to wait for: otherwise the
 * promise resolves at once and the work is done `laterMs` (half a minute) later. It never rejects.
 */
export async function fillCompileCache(options: {
  folder: string;
  /** Each takes `--compile-only`. */
  programs: readonly string[];
  log: Logger;
  laterMs?: number;
}): Promise<void> {
  const { folder, programs, log, laterMs = LATER_MS } = options;
  const fill = async (): Promise<void> => {
    // One after the other: the second finds compiled what both import.
    for (const program of programs) {
      await load(program, folder).catch((error: unknown) => {
        log.warn({ program, reason: messageOf(error) }, 'a program was not compiled ahead');
      });
    }
  };
  if (isEmpty(folder)) await fill();
  else setTimeout(() => void fill(), laterMs).unref();
}

async function load(program: string, folder: string): Promise<void> {
  const { PATH = '' } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE: folder };
  const limits = { timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL' } as const;
  await promisify(execFile)(process.execPath, [program, '--compile-only'], { ...limits, env });
}

function isEmpty(folder: string): boolean {
  try {
    // Node makes a folder for its version at once, and files in it when it ends.
    return !readdirSync(folder, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile());
  } catch {
    return true;
  }
}
