/**
 * Datagrams the kernel threw away at our sockets because their receive buffers were full: the only drops
 * the process itself never sees. Read from /proc/net/udp and udp6, last column.
 */
import { readFile } from 'node:fs/promises';
import { canonicalIp } from '../../kit/ip-address.ts';
import { parseSocketTable, type SocketTableRow } from '../../kit/socket-table.ts';

const TABLES = ['/proc/net/udp', '/proc/net/udp6'] as const;

/** One socket of the kernel's table. `drops` counts since the socket was opened. */
export type UdpTableRow = Pick<SocketTableRow, 'address' | 'port' | 'inode' | 'drops'>;

/** Rows of /proc/net/udp or udp6 that count drops. Pure. */
export function parseUdpTable(text: string, littleEndian?: boolean): UdpTableRow[] {
  return parseSocketTable(text, littleEndian)
    .filter(({ drops }) => Number.isSafeInteger(drops))
    .map(({ address, port, inode, drops }) => ({ address, port, inode, drops }));
}

/** Adds up over the life of the process. A socket's drops after its last reading go with the socket. */
export class KernelDrops {
  #total = 0;
  /** What was read last, by inode: as many as we have sockets. */
  #seen = new Map<string, number>();

  /** Reads the tables. Where there is none to read, the total stays as it is. */
  async read(sockets: Iterable<{ address: string; port: number }>): Promise<number> {
    const tables = await Promise.all(TABLES.map((path) => readFile(path, 'utf8').catch(() => '')));
    return this.add(
      tables.flatMap((text) => parseUdpTable(text)),
      sockets,
    );
  }

  /** Counts the rows that are ours. @returns the total since start. */
  add(rows: readonly UdpTableRow[], sockets: Iterable<{ address: string; port: number }>): number {
    const ours = new Set<string>();
    for (const { address, port } of sockets) ours.add(`${canonicalIp(address) ?? address} ${String(port)}`);
    const seen = new Map<string, number>();
    for (const { address, port, inode, drops } of rows) {
      if (!ours.has(`${address} ${String(port)}`)) continue;
      const before = this.#seen.get(inode) ?? 0;
      this.#total += Math.max(0, drops - before);
      seen.set(inode, Math.max(before, drops));
    }
    this.#seen = seen;
    return this.#total;
  }
}
