import t from 'tap';
import { parseSocketTable, rowInTheWay } from '../../kit/socket-table.ts';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0D96 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41001 1 0000000000000000 100 0 0 10 0
   1: 00000000:0D98 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41002 1 0000000000000000 100 0 0 10 0
   2: 0100007F:0D96 0200007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 41003 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:0D9A 0200007F:9C40 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000000000000000
 cut off`;
const UDP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  10: 00000000000000000000000000000000:0D9C 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     7        0 41004 2 0000000000000000 5
  11: 00000000000000000000000001000000:0D9E 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     7        0 41005 2 0000000000000000 0`;

t.test('both kinds of table are read, what is cut off is left out', (t) => {
  t.match(parseSocketTable(TCP, true), [
    { address: '127.0.0.1', port: 3478, state: '0A', uid: 1000, inode: '41001' },
    { address: '0.0.0.0', port: 3480, uid: 0, inode: '41002' },
    { state: '01' },
    { inode: '0' },
  ]);
  t.equal(parseSocketTable(TCP, true).length, 4);
  t.match(parseSocketTable(UDP6, true), [
    { address: '::', port: 3484, uid: 7, inode: '41004', drops: 5 },
    { address: '::1', port: 3486, inode: '41005', drops: 0 },
  ]);
  t.same(parseSocketTable('', true), []);
  t.end();
});

t.test('who is in the way of a bind', (t) => {
  const rows = [...parseSocketTable(TCP, true), ...parseSocketTable(UDP6, true)];
  const inode = (address: string, port: number): string | undefined =>
    rowInTheWay(rows, { address, port })?.inode;
  t.equal(inode('127.0.0.1', 3478), '41001', 'the listening socket, not a connection');
  t.equal(inode('127.0.0.2', 3478), undefined, 'another address');
  t.equal(inode('0.0.0.0', 3478), '41001', 'all addresses want every one of them');
  t.equal(inode('::', 3478), undefined, 'of the other family');
  t.equal(inode('127.0.0.9', 3480), '41002', 'somebody has all addresses');
  t.equal(inode('127.0.0.1', 3482), undefined, 'nobody holds what only waits for its end');
  t.equal(inode('127.0.0.1', 3484), '41004', 'a socket on :: may hold IPv4 too');
  t.equal(inode('0:0:0:0:0:0:0:1', 3486), '41005', 'any spelling');
  t.equal(inode('127.0.0.1', 3486), undefined);
  t.equal(inode('nonsense', 3478), undefined);
  t.end();
});
