/**
 * Processes of this host by /proc. A process is its id AND its start time: an id alone is reused, and a
 * signal to a reused id ends a stranger.
 */
import { readdir, readFile } from 'node:fs/promises';

/** `startTicks`: clock ticks after boot, field 22 of /proc/<pid>/stat. */
export type ProcessIdentity = { pid: number; startTicks: string };

/** @returns undefined when there is no such process, or only its zombie. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
  } catch {
    return undefined; // No such process.
  }
  // The name in parentheses may hold anything: count fields after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = 'X'] = fields;
  const startTicks = fields[19];
  if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
  return { pid, startTicks };
}

export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  const now = await identify(process.pid);
  return now?.startTicks === process.startTicks;
}

/** True when the process was started with these arguments, one after the other. */
export async function hasArguments(pid: number, wanted: readonly string[]): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8');
  } catch {
    return false; // Gone, or another user's.
  }
  return `\0${text}`.includes(`\0${wanted.join('\0')}\0`);
}

/** Every process of this host that was started with these arguments. */
export async function findByArguments(wanted: readonly string[]): Promise<ProcessIdentity[]> {
  const found: ProcessIdentity[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name) || !(await hasArguments(Number(name), wanted))) continue;
    const identity = await identify(Number(name));
    if (identity !== undefined && identity.pid !== process.pid) found.push(identity);
  }
  return found;
}

/** Sends a signal if, and only if, the process is still the one that is meant. */
export async function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): Promise<boolean> {
  if (!(await isAlive(target))) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false; // It ended in between.
  }
}
