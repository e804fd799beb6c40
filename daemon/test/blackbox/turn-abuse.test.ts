/** What strangers and greedy clients may do to a TURN process, and what it costs us. */
import { createSocket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-config.ts';
import { METHOD, TRANSPORT_UDP } from '../../turn/codec/attribute-types.ts';
import { requestedTransport } from '../../turn/codec/attributes.ts';
import { buildChannelData } from '../../turn/codec/channel-data.ts';
import { buildStun } from '../../turn/codec/stun-message.ts';
import { testCertificate } from '../helpers/turn-certificate.ts';
import { credential, relayedPort, startTurn, TestPeer, TurnClient } from '../helpers/turn-client.ts';

const SERVER = '127.0.35.10';
const relay = { addresses: ['127.0.35.11'], minPort: 52000, maxPort: 52399 };

t.test('200 parallel Allocates on a quota of 12 give exactly 12', async (t) => {
  const limits = { ...DEFAULT_TURN_LIMITS, allocationsPerUser: 12 };
  const turn = await startTurn(t, { address: SERVER, transports: ['udp'], config: { limits, relay } });
  const user = credential({ subject: 'greedy' });
  const clients = await Promise.all(
    Array.from({ length: 200 }, () =>
      TurnClient.open(t, { transport: 'udp', address: SERVER, port: turn.port, ...user }),
    ),
  );
  const codes = (await Promise.all(clients.map((client) => client.allocate()))).map(({ code }) => code);
  t.equal(codes.filter((code) => code === 'success').length, 12);
  t.equal(codes.filter((code) => code === 486).length, 188);
  t.equal((await turn.control.call('status', {})).allocations, 12);
});

t.test('names every object has are unknown users', async (t) => {
  const turn = await startTurn(t, { address: SERVER, transports: ['udp'], config: { relay } });
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  for (const username of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    const password = String(prototype[username]);
    const where = { transport: 'udp', address: SERVER, port: turn.port } as const;
    const client = await TurnClient.open(t, { ...where, username, password });
    t.equal((await client.allocate()).code, 401, username);
  }
  t.equal((await turn.control.call('status', {})).allocations, 0);
});

t.test('100,000 unauthenticated Allocates of 2,000 source ports leave nothing behind', async (t) => {
  const turn = await startTurn(t, { address: SERVER, transports: ['udp'], config: { relay } });
  const proc = `/proc/${String(turn.child.pid)}`;
  const rssMb = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1]) / 1024;
  const files = (): number => readdirSync(`${proc}/fd`).length;
  const flood = async (perSource: number): Promise<void> => {
    for (let source = 0; source < 2000; source += 1) {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) =>
        socket.bind(0, `127.0.35.${String(20 + (source % 200))}`, resolve),
      );
      for (let sent = 0; sent < perSource; sent += 1) {
        const head = { class: 'request', method: METHOD.ALLOCATE, transactionId: randomBytes(12) } as const;
        const bytes = buildStun(head, [requestedTransport(TRANSPORT_UDP)], {});
        await new Promise((resolve) => socket.send(bytes, turn.port, SERVER, resolve));
      }
      await new Promise<void>((resolve) => socket.close(resolve));
    }
  };
  await flood(5); // Warm: compiled code and buffers are not what the flood costs.
  const before = { rssMb: rssMb(), files: files() };
  const flooding = flood(50);
  const where = { transport: 'udp', address: SERVER, port: turn.port } as const;
  const client = await TurnClient.open(t, { ...where, ...credential() });
  t.equal((await client.allocate()).code, 'success', 'an honest client is served meanwhile');
  t.equal((await client.refresh(0)).code, 'success');
  await flooding;
  const status = await turn.control.call('status', {});
  t.equal(status.allocations, 0);
  t.ok((status.refusals['Allocate 401'] ?? 0) > 0);
  t.ok(rssMb() - before.rssMb <= 20, `${before.rssMb.toFixed(1)} MB grew to ${rssMb().toFixed(1)} MB`);
  t.ok(files() <= before.files, 'no socket more');
  t.comment(JSON.stringify({ before, after: rssMb(), drops: status.drops, refusals: status.refusals }));
});

t.test('connections of one source are bounded, refused by name and counted', async (t) => {
  const limits = { ...DEFAULT_TURN_LIMITS, connectionsPerAddress: 3 };
  const turn = await startTurn(t, { address: SERVER, transports: ['tcp'], config: { limits, relay } });
  const sockets: Socket[] = [];
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  let closed = 0;
  const refused = new Promise<void>((resolve) => {
    for (let at = 0; at < 4; at += 1) {
      const socket = connect({ host: SERVER, port: turn.port, localAddress: '127.0.35.12' });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        closed += 1;
        resolve();
      });
      sockets.push(socket);
    }
  });
  await refused;
  t.equal(closed, 1);
  const status = await turn.control.call('status', {});
  t.equal(status.connections, 3);
  t.equal(status.drops['connection-limit'], 1);
  t.match(status.limits, [
    { name: 'connections', limit: 2048, used: 3, refused: 0 },
    { name: 'connectionsPerAddress', limit: 3, refused: 1 },
    { name: 'halfOpenConnections', limit: 256, used: 0, refused: 0 },
  ]);
});

t.test('TLS handshakes under way are bounded; one that is done makes room', async (t) => {
  const certificate = await testCertificate(t);
  const limits = { ...DEFAULT_TURN_LIMITS, halfOpenConnections: 2 };
  const config = { limits, relay, certificate };
  const turn = await startTurn(t, { address: SERVER, transports: ['tls'], config });
  const where = { host: SERVER, port: turn.port };
  const handshake = (): Promise<void> =>
    new Promise((resolve, reject) => {
      // TLS 1.3 is done for the client first: an answer says that it is for the server too.
      const socket = connectTls({ ...where, rejectUnauthorized: false }, () => {
        const head = { class: 'request', method: METHOD.BINDING, transactionId: randomBytes(12) } as const;
        socket.write(buildStun(head, [], {}));
      });
      socket.once('data', () => {
        resolve();
      });
      t.teardown(() => socket.destroy());
      socket.once('error', reject);
      socket.once('close', () => {
        reject(new Error('closed'));
      });
    });
  const silent = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(where, () => {
        resolve(socket);
      });
      t.teardown(() => socket.destroy());
      socket.on('error', () => undefined);
    });
  await silent();
  await handshake();
  await handshake();
  await silent();
  await t.rejects(handshake(), 'two silent ones hold both places');
  const status = await turn.control.call('status', {});
  t.equal(status.connections, 4);
  t.equal(status.drops['half-open-limit'], 1);
  t.match(status.limits[2], { name: 'halfOpenConnections', limit: 2, used: 2, refused: 1 });
});

t.test('a packet rate bounds both directions; what is above it is dropped and counted', async (t) => {
  const peer = await TestPeer.open(t, '127.0.35.13');
  const limits = { ...DEFAULT_TURN_LIMITS, packetsPerSecondPerUser: 4 };
  const peers = { scope: 'sfu' as const, allow: [{ address: '127.0.35.13', minPort: 1, maxPort: 65535 }] };
  const turn = await startTurn(t, { address: SERVER, transports: ['udp'], config: { limits, relay, peers } });
  const where = { transport: 'udp', address: SERVER, port: turn.port } as const;
  const client = await TurnClient.open(t, { ...where, ...credential() });
  const relayed = { address: '127.0.35.11', port: relayedPort(await client.allocate()) };
  t.equal((await client.bind(0x4000, peer)).code, 'success');
  const counted = async (total: number) => {
    for (;;) {
      const status = await turn.control.call('status', {});
      const { toPeerPackets, toClientPackets } = status.relayed;
      const dropped = status.drops['over-packet-rate'] ?? 0;
      if (toPeerPackets + toClientPackets + dropped >= total) return status;
    }
  };
  for (let at = 0; at < 50; at += 1) client.raw(buildChannelData(0x4000, Buffer.alloc(9), { padded: false }));
  const half = await counted(50);
  t.ok(half.relayed.toPeerPackets >= 1 && half.relayed.toPeerPackets < 50, 'to the peer');
  for (let at = 0; at < 50; at += 1) peer.send(Buffer.alloc(9), relayed);
  const status = await counted(100);
  t.ok(status.relayed.toClientPackets < 50, 'to the client');
  const refused = status.limits.find(({ name }) => name === 'packetsPerSecondPerUser')?.refused;
  t.equal(refused, status.drops['over-packet-rate']);
});
