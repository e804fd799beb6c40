/** The TURN process against clients and peers that want more than they may. */
import { connect } from 'node:net';
import t from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-config.ts';
import { METHOD } from '../../turn/codec/attribute-types.ts';
import { requestedTransport } from '../../turn/codec/attributes.ts';
import { credential, relayedPort, startTurn, TestPeer, TurnClient } from '../helpers/turn-client.ts';

const PEER = '127.0.11.32';
const peers = { scope: 'sfu', allow: [{ address: PEER, minPort: 20000, maxPort: 20499 }] } as const;

// Every process start costs a second or more on a busy machine.
t.setTimeout(170_000);

t.test('refusals', async (t) => {
  const turn = await startTurn(t, {
    address: '127.0.11.30',
    config: {
      relay: { addresses: ['127.0.11.31'], minPort: 52300, maxPort: 52349 },
      peers: { ...peers, allow: [...peers.allow] },
      limits: {
        ...DEFAULT_TURN_LIMITS,
        allocationsPerUser: 12,
        allocations: 30,
        permissionsPerAllocation: 16,
        channelsPerAllocation: 16,
        connections: 40,
        connectionsPerAddress: 10,
        halfOpenConnections: 10,
      },
    },
  });
  const open = (change = {}, transport: 'udp' | 'tcp' = 'udp') =>
    TurnClient.open(t, { transport, ...turn, ...credential(), ...change });

  await t.test('403 for every peer outside the block, however it is written', async (t) => {
    const client = await open(credential({ subject: 'peers' }));
    await client.allocate();
    const hidden = ['::ffff:', '::', '64:ff9b::'].flatMap((prefix) => [prefix + PEER, `${prefix}127.0.0.1`]);
    for (const address of [
      ...['0.0.0.0', '127.0.0.1', '127.0.11.30', '127.0.11.33', '10.0.0.1', '169.254.169.254', '224.0.0.1'],
      ...['255.255.255.255', '192.168.0.1', '8.8.8.8'],
    ]) {
      t.equal((await client.permit({ address, port: 20000 })).code, 403, `permission for ${address}`);
      t.equal((await client.bind(0x4000, { address, port: 20000 })).code, 403, `channel to ${address}`);
    }
    // Written as IPv6, which this allocation does not relay, whatever they hide.
    for (const address of [...hidden, '2002:7f00:b20::1']) {
      t.equal((await client.permit({ address, port: 20000 })).code, 443, `permission for ${address}`);
      t.equal((await client.bind(0x4000, { address, port: 20000 })).code, 443, `channel to ${address}`);
    }
    for (const port of [0, 1, 22, 19999, 20500, 65535, turn.port]) {
      t.equal((await client.bind(0x4000, { address: PEER, port })).code, 403, `channel to port ${port}`);
    }
    t.equal((await client.bind(0x4000, { address: PEER, port: 20499 })).code, 'success');
    t.equal((await client.permit({ address: PEER, port: 1 })).code, 'success', 'a permission names no port');
    t.match((await turn.control.call('status', {})).refusals, { 'CreatePermission 403': /\d/ });
    await client.refresh(0);
  });

  await t.test('401, and nothing of it stays', async (t) => {
    for (const change of [
      { password: 'wrong' },
      credential({ namespace: 'other' }),
      credential({ ttlSeconds: -5 }),
      credential({ secret: 'the secret of somebody else' }),
      { username: 'constructor', password: 'function Object() { [native code] }' },
      { username: '__proto__', password: '[object Object]' },
    ]) {
      for (const transport of ['udp', 'tcp'] as const) {
        const client = await open(change, transport);
        t.equal((await client.allocate()).code, 401, JSON.stringify(change).slice(0, 40));
        client.close();
      }
    }
    t.equal((await turn.control.call('status', {})).allocations, 0);
  });

  await t.test('a quota of 12 holds against 30 at once', async (t) => {
    const user = credential({ subject: 'greedy' });
    const clients = await Promise.all(Array.from({ length: 30 }, () => open(user)));
    const outcomes = await Promise.all(clients.map((client) => client.allocate()));
    t.equal(outcomes.filter(({ code }) => code === 'success').length, 12);
    t.equal(outcomes.filter(({ code }) => code === 486).length, 18);
    t.equal((await turn.control.call('disconnect', { username: user.username })).ended, 12);
    t.equal((await turn.control.call('status', {})).allocations, 0);
    const again = await open(user);
    t.equal((await again.allocate()).code, 'success', 'the quota is given back');
    await again.refresh(0);
  });

  await t.test('Refresh(0) and a closed connection free the relay port', async (t) => {
    const isFree = async (port: number): Promise<boolean> => {
      for (let attempt = 0; attempt < 100; attempt += 1) {
        const opened = await TestPeer.open(t, '127.0.11.31', port).catch(() => undefined);
        if (opened !== undefined) return true;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return false;
    };
    const udp = await open();
    const port = relayedPort(await udp.allocate());
    await t.rejects(TestPeer.open(t, '127.0.11.31', port), 'it was taken');
    t.equal((await udp.refresh(0)).code, 'success');
    t.ok(await isFree(port));
    t.equal((await udp.refresh(600)).code, 437);

    const tcp = await open({}, 'tcp');
    const tcpPort = relayedPort(await tcp.allocate());
    tcp.close();
    t.ok(await isFree(tcpPort));
    t.equal((await turn.control.call('status', {})).allocations, 0);
  });

  await t.test('garbage on every socket', async (t) => {
    const client = await open({}, 'udp');
    const relayed = { address: '127.0.11.31', port: relayedPort(await client.allocate()) };
    const peer = await TestPeer.open(t, PEER, 20100);
    await client.permit(peer);
    for (let length = 0; length < 40; length += 1) {
      for (const first of [0x00, 0x01, 0x40, 0x7f, 0x80, 0xff]) {
        const bytes = Buffer.alloc(length, first);
        client.raw(bytes);
        peer.send(bytes, relayed);
      }
    }
    t.equal((await client.refresh(600)).code, 'success', 'it still serves');
    await client.refresh(0);

    const http = await open({}, 'tcp');
    http.raw(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    await http.untilClosed();
    t.match((await turn.control.call('status', {})).drops, { 'stream-broken': 1 });
  });

  await t.test('a source may hold ten connections', async (t) => {
    const sockets = await Promise.all(
      Array.from({ length: 14 }, async () => {
        const socket = connect(turn.port, turn.address);
        const closed = new Promise<boolean>((resolve) =>
          socket.once('close', () => {
            resolve(true);
          }),
        );
        socket.on('error', () => undefined);
        await new Promise((resolve) => socket.once('connect', resolve));
        return { socket, closed };
      }),
    );
    const refused = await Promise.race([
      (async () => {
        let count = 0;
        await new Promise<void>((resolve) => {
          for (const { closed } of sockets) void closed.then(() => (count += 1) === 4 && resolve());
        });
        return count;
      })(),
      new Promise<string>((resolve) => setTimeout(resolve, 15_000, 'time limit').unref()),
    ]);
    t.equal(refused, 4);
    t.equal((await turn.control.call('status', {})).connections, 10);
    for (const { socket } of sockets) socket.destroy();
  });

  await t.test('the log names no secret', async (t) => {
    await turn.stop();
    const { stdout, stderr } = turn.output();
    for (const { secret } of turn.config.secrets) t.notMatch(stdout + stderr, secret);
    t.notMatch(stdout + stderr, credential({ subject: 'greedy' }).password);
    t.equal(stderr, '');
  });
});

t.test('requests that do not ask for UDP', async (t) => {
  const turn = await startTurn(t, {
    address: '127.0.11.34',
    config: { relay: { addresses: ['127.0.11.31'], minPort: 52350, maxPort: 52359 } },
  });
  const client = await TurnClient.open(t, { transport: 'tcp', ...turn, ...credential() });
  t.equal((await client.request(METHOD.ALLOCATE, [requestedTransport(6)])).code, 442);
  t.equal((await client.request(METHOD.ALLOCATE)).code, 400);
  await turn.stop();
});
