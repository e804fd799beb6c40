import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import t from 'tap';
import { UdpSocket } from '../../turn/server/udp-socket.ts';

/** More than one UDP datagram holds: the kernel refuses it at once, whatever the network. */
const TOO_LONG = Buffer.alloc(65_600);
const PACKETS = 200;

t.test('a failing flow is counted completely and does not disturb another', async (t) => {
  const peer = createSocket('udp4');
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  const reasons: string[] = [];
  const socket = await UdpSocket.open({
    address: '127.0.0.1',
    port: 0,
    onDatagram: () => undefined,
    onFailure: (reason) => reasons.push(reason),
    onError: (error) => t.fail(error),
  });
  t.teardown(async () => {
    peer.close();
    await socket.close();
  });
  const { port } = peer.address();
  const good = socket.watch();
  const bad = socket.watch();
  let received = 0;
  const all = new Promise<void>((resolve) => {
    peer.on('message', () => {
      received += 1;
      if (received === PACKETS) resolve();
    });
  });
  for (let at = 0; at < PACKETS; at += 1) {
    socket.send(Buffer.from('good'), port, '127.0.0.1', good.next());
    socket.send(TOO_LONG, port, '127.0.0.1', bad.next());
    // What the kernel said is heard in the next turn.
    await new Promise(setImmediate);
  }
  await all;
  t.same(reasons, Array(PACKETS).fill('send-failed'), 'each failed packet once');
});
