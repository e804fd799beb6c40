/** Reading the kernel's socket tables: its own format, and only our sockets. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { KernelDrops, parseUdpTable } from '../../../turn/server/kernel-drops.ts';

const HEAD =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops';
const line = (local: string, inode: number, drops: number): string =>
  `  101: ${local} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 ${String(inode)} 2 0000000000000000 ${String(drops)}       `;

t.test('addresses of both families, in the byte order of the machine', (t) => {
  const text = [
    HEAD,
    line('0100007F:0D96', 11, 3),
    line('0000000000000000FFFF00000B0B007F:0D97', 12, 0),
    line('B80D0120000000000000000001000000:0D98', 13, 7),
    'rubbish',
    line('0100007:1', 14, 9),
    '',
  ].join('\n');
  t.same(parseUdpTable(text, true), [
    { address: '127.0.0.1', port: 3478, inode: '11', drops: 3 },
    { address: '127.0.11.11', port: 3479, inode: '12', drops: 0 },
    { address: '2001:db8::1', port: 3480, inode: '13', drops: 7 },
  ]);
  t.match(parseUdpTable([HEAD, line('7F000001:0D96', 11, 3)].join('\n'), false), [{ address: '127.0.0.1' }]);
  t.end();
});

t.test('counts our sockets only, and keeps what closed sockets lost', (t) => {
  const drops = new KernelDrops();
  const row = (port: number, inode: string, count: number) => ({
    address: '10.0.0.1',
    port,
    inode,
    drops: count,
  });
  const ours = [{ address: '10.0.0.1', port: 1 }];
  t.equal(drops.add([row(1, 'a', 5), row(2, 'b', 100)], ours), 5);
  t.equal(drops.add([row(1, 'a', 7)], ours), 7);
  t.equal(drops.add([row(1, 'a', 6)], ours), 7, 'a reading that comes late counts nothing twice');
  t.equal(drops.add([], []), 7);
  t.equal(drops.add([row(1, 'c', 2)], ours), 9, 'the port again, by another socket');
  t.end();
});

t.test('a real socket is found by its address and port', async (t) => {
  const socket = createSocket('udp4');
  t.teardown(() => {
    socket.close();
  });
  const port = await new Promise<number>((resolve) => {
    socket.bind(0, '127.0.36.1', () => {
      resolve(socket.address().port);
    });
  });
  const rows = parseUdpTable(readFileSync('/proc/net/udp', 'utf8'));
  t.match(
    rows.filter((row) => row.address === '127.0.36.1' && row.port === port),
    [{ drops: 0 }],
  );
});
