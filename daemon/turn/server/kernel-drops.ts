/**
 * Datagrams the kernel threw away at our sockets because their receive buffers were full: the only drops
 * the process itself never sees. Read from /proc/net/udp and udp6, last column.
 */
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { canonicalIp, formatIp } from '../../kit/ip-address.ts';

const TABLES = ['/proc/net/udp', '/proc/net/udp6'] as const;
const WORD_BYTES = 4;

/** One socket of the kernel's table. `drops` counts since the socket was opened. */
export type UdpTableRow = { address: string; port: number; inode: string; drops: number };

/**
 * Rows of /proc/net/udp or udp6. Pure; a line it does not understand is left out.
 * @param littleEndian the kernel writes addresses as words in the byte order of the machine.
 */
export function parseUdpTable(text: string, littleEndian = endianness() === 'LE'): UdpTableRow[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const columns = line.trim().split(/ +/);
      const [hexAddress = '', hexPort = ''] = (columns[1] ?? '').split(':');
      const address = readAddress(hexAddress, littleEndian);
      const drops = Number(columns.at(-1));
      const inode = columns[9] ?? '';
      if (address === undefined || columns.length < 13 || !Number.isSafeInteger(drops)) return [];
      return [{ address, port: parseInt(hexPort, 16), inode, drops }];
    });
}

function readAddress(hex: string, littleEndian: boolean): string | undefined {
  if (!/^(?:[0-9A-F]{8}|[0-9A-F]{32})$/i.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  if (littleEndian) {
    for (let at = 0; at < bytes.length; at += WORD_BYTES) bytes.subarray(at, at + WORD_BYTES).reverse();
  }
  return canonicalIp(formatIp({ family: bytes.length === WORD_BYTES ? 4 : 6, bytes }));
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
