/** The kernel's tables of sockets: /proc/net/tcp, tcp6, udp and udp6. Pure. */
import { endianness } from 'node:os';
import { canonicalIp, formatIp, isUnspecified, parseIp } from './ip-address.ts';

const WORD_BYTES = 4;
const TCP_LISTEN = '0A';

export type SocketTableRow = {
  /** Local end, in canonical form. */
  address: string;
  port: number;
  /** TCP: 0A is listening. UDP: 07, or 01 when connected. */
  state: string;
  uid: number;
  /** `0`: no process holds it any more. */
  inode: string;
  /** Datagrams dropped since it was opened; NaN in the tables of TCP. */
  drops: number;
};

/**
 * A line it does not understand is left out.
 * @param littleEndian the kernel writes addresses as words in the byte order of the machine.
 */
export function parseSocketTable(text: string, littleEndian = endianness() === 'LE'): SocketTableRow[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const columns = line.trim().split(/ +/);
      const [hexAddress = '', hexPort = ''] = (columns[1] ?? '').split(':');
      const address = readAddress(hexAddress, littleEndian);
      const port = parseInt(hexPort, 16);
      const uid = Number(columns[7]);
      if (address === undefined || columns.length < 12 || Number.isNaN(port) || Number.isNaN(uid)) return [];
      const drops = columns.length === 13 ? Number(columns[12]) : NaN;
      return [{ address, port, state: columns[3] ?? '', uid, inode: columns[9] ?? '0', drops }];
    });
}

/**
 * The row that keeps somebody from binding `wanted`: of that very address before one of all addresses, a
 * listening one before others. Rows of both families belong in here: a socket on `::` may hold IPv4 too.
 */
export function rowInTheWay(
  rows: readonly SocketTableRow[],
  wanted: { address: string; port: number },
): SocketTableRow | undefined {
  const address = canonicalIp(wanted.address);
  const parsed = parseIp(address ?? '');
  if (address === undefined || parsed === undefined) return undefined;
  const rank = (row: SocketTableRow): number => {
    const own =
      row.address === address ? 0 : row.address === (parsed.family === 4 ? '0.0.0.0' : '::') ? 1 : 2;
    return own * 2 + (row.state === TCP_LISTEN ? 0 : 1);
  };
  return rows
    .filter((row) => row.port === wanted.port && row.inode !== '0')
    .filter((row) => {
      if (row.address === address) return true;
      const other = parseIp(row.address);
      if (other === undefined) return false;
      if (isUnspecified(parsed)) return other.family === parsed.family;
      return isUnspecified(other) && (other.family === parsed.family || other.family === 6);
    })
    .sort((one, other) => rank(one) - rank(other))[0];
}

function readAddress(hex: string, littleEndian: boolean): string | undefined {
  if (!/^(?:[0-9A-F]{8}|[0-9A-F]{32})$/i.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  if (littleEndian) {
    for (let at = 0; at < bytes.length; at += WORD_BYTES) bytes.subarray(at, at + WORD_BYTES).reverse();
  }
  return canonicalIp(formatIp({ family: bytes.length === WORD_BYTES ? 4 : 6, bytes }));
}
