/**
 * Which process holds a port, by /proc: the kernel's socket tables name the inode, the processes' descriptors
 * name who has it open. What this user may not see stays unknown.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseSocketTable, rowInTheWay, type SocketTableRow } from '../kit/socket-table.ts';
import type { PortUse } from '../namespaces/system.ts';

/** Programs whose name says nothing: their script does. */
const INTERPRETER = /^(?:node|bun|deno|perl|python[0-9.]*|ruby[0-9.]*)$/;
const SCRIPT = /^[\w.-]+\.(?:[cm]?[jt]s|py|pl|rb)$/;
const MAX_NAME_LENGTH = 64;

/** @returns for example `coturn, process 4711`, or `a process of user 0`; undefined when nothing is known. */
export async function portHolder(use: PortUse): Promise<string | undefined> {
  return (await portHolders([use]))[0];
}

/** As `portHolder`, for many ports with one look at the processes. Never rejects. */
export async function portHolders(uses: readonly PortUse[]): Promise<(string | undefined)[]> {
  if (uses.length === 0) return [];
  const tables = { udp: await readTables('udp'), tcp: await readTables('tcp') };
  const rows = uses.map((use) => rowInTheWay(tables[use.protocol], use));
  const wanted = new Set(rows.flatMap((row) => (row === undefined ? [] : [row.inode])));
  const names = wanted.size === 0 ? new Map<string, string>() : await processesOf(wanted);
  return rows.map((row) => row && (names.get(row.inode) ?? `a process of user ${String(row.uid)}`));
}

async function readTables(protocol: 'udp' | 'tcp'): Promise<SocketTableRow[]> {
  const texts = await Promise.all(
    [protocol, `${protocol}6`].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  return texts.flatMap((text) => parseSocketTable(text));
}

/** By inode. Ends as soon as all are found. */
async function processesOf(inodes: ReadonlySet<string>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^[0-9]+$/.test(pid)) continue;
    // Another user's, or gone: nothing to see.
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = await Promise.all(
      descriptors.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')),
    );
    const here = links.flatMap((link) => /^socket:\[([0-9]+)\]$/.exec(link)?.[1] ?? []);
    const held = here.filter((inode) => inodes.has(inode) && !found.has(inode));
    if (held.length === 0) continue;
    const name = `${await programName(pid)}, process ${pid}`;
    for (const inode of held) found.set(inode, name);
    if (found.size === inodes.size) break;
  }
  return found;
}

/** The program's file name, with the script's for an interpreter; arguments may be secret and stay out. */
async function programName(pid: string): Promise<string> {
  const path = await readlink(`/proc/${pid}/exe`).catch(() => undefined);
  const comm = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
  const program = path === undefined ? comm : basename(path.replace(/ \(deleted\)$/, ''));
  if (!INTERPRETER.test(program)) return printable(program);
  const [, ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  const script = args.map((one) => basename(one)).find((one) => SCRIPT.test(one));
  return printable(script === undefined ? program : `${program} ${script}`);
}

function printable(name: string): string {
  const clean = name.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_NAME_LENGTH);
  return clean === '' ? 'an unknown program' : clean;
}
