/** The two times RFC 6062 gives, on real sockets and a clock that moves when it is told to. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { METHOD } from '../../../turn/codec/attribute-types.ts';
import { TurnServer } from '../../../turn/server/turn-server.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { silentLog } from '../../helpers/silent-log.ts';
import { credential, freePort, turnConfig } from '../../helpers/turn-client.ts';
import { DataLink, TcpAllocation, TcpPeer, type Address } from '../../helpers/turn-tcp-relay.ts';

const OURS = '127.0.41.40';
const PEER = '127.0.41.42';

async function start(t: Test): Promise<{ server: TurnServer; clock: FakeClock; allocation: TcpAllocation }> {
  const clock = new FakeClock(Date.now());
  const port = await freePort(OURS);
  const server = new TurnServer({
    config: turnConfig({
      listeners: [{ transport: 'tcp', address: OURS, port }],
      relay: { addresses: ['127.0.41.41'], minPort: 54_000, maxPort: 54_099 },
      peers: { scope: 'public', allow: [{ address: PEER, minPort: 1, maxPort: 65_535 }] },
    }),
    certificate: undefined,
    clock,
    log: silentLog,
  });
  await server.open();
  t.teardown(() => server.close());
  const door = { transport: 'tcp', address: OURS, port } as const;
  return { server, clock, allocation: await TcpAllocation.make(t, door, credential({ ttlSeconds: 3600 })) };
}

/** A peer that answers no SYN: its program stands still and its backlog is full. */
async function silentPeer(t: Test): Promise<Address> {
  const program = `const s = require('node:net').createServer();
s.listen({ host: '${PEER}', port: 0, backlog: 1 }, () => console.log(s.address().port));`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const port = await new Promise<number>((resolve) => {
    child.stdout.once('data', (line: Buffer) => {
      resolve(Number(line.toString()));
    });
  });
  child.kill('SIGSTOP');
  for (let count = 0; count < 2; count += 1) {
    const socket = connect(port, PEER);
    t.teardown(() => socket.destroy());
    await new Promise((resolve) => socket.once('connect', resolve));
  }
  return { address: PEER, port };
}

t.test('447 when the peer has not answered for 30 seconds', async (t) => {
  const { server, clock, allocation } = await start(t);
  const asked = allocation.connect(await silentPeer(t));
  while (server.core.sizes.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(29_000);
  t.equal(server.core.sizes.connections, 1, 'not earlier');
  clock.advance(1100);
  t.same(await asked, { code: 447 });
  t.equal(server.core.sizes.connections, 0);
});

t.test('a connection nobody binds is closed after 30 seconds', async (t) => {
  const { server, clock, allocation } = await start(t);
  const peer = await TcpPeer.open(t, PEER);
  const answer = await allocation.connect(peer);
  if (!('id' in answer)) throw new Error('Connect');
  const there = await peer.accepted();
  clock.advance(29_000);
  t.equal(server.core.sizes.connections, 1, 'not earlier');
  clock.advance(1100);
  t.equal(await there.rest(), '', 'the peer is told');
  t.equal((await DataLink.ask(t, allocation.door, { ...allocation.user, id: answer.id })).code, 400);
  t.equal((await allocation.client.request(METHOD.REFRESH)).code, 'success', 'the session lives on');
  t.equal(server.core.drops.get('data-connection-unbound'), 1);
});
