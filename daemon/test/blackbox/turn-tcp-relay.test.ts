/** TCP relaying (RFC 6062) by the running service: both directions, both families, over TCP and TLS. */
import t from 'tap';
import { formatEndpoint } from '../../kit/ip-address.ts';
import { METHOD, TRANSPORT_TCP } from '../../turn/codec/attribute-types.ts';
import { requestedTransport } from '../../turn/codec/attributes.ts';
import { credential, endpoint, TurnClient } from '../helpers/turn-client.ts';
import { DataLink, startTcpRelay, TcpAllocation, TcpPeer } from '../helpers/turn-tcp-relay.ts';

t.setTimeout(120_000);

const OURS = '127.0.41.1';
const RELAY = '127.0.41.2';
const PEER = '127.0.41.3';
const STRANGER = '127.0.41.4';
const tcp = requestedTransport(TRANSPORT_TCP);

t.test('bytes go both ways, whoever connects', async (t) => {
  const turn = await startTcpRelay(t, {
    ...{ addresses: [OURS, '::1'], relays: [RELAY, '::1'], minPort: 54_100, peers: [PEER, '::1'] },
  });
  for (const [address, peerAddress, relay] of [
    [OURS, PEER, RELAY],
    ['::1', '::1', '::1'],
  ] as const) {
    for (const transport of ['tcp', 'tls'] as const) {
      await t.test(`${transport}, ${address}`, async (t) => {
        const peer = await TcpPeer.open(t, peerAddress, { greeting: 'said at once' });
        const allocation = await TcpAllocation.make(t, turn.door(transport, address));
        t.equal(allocation.relayed.address, relay);

        const link = await allocation.through(t, peer, 'right behind the request');
        t.equal(await link.read(12), 'said at once', 'what came before the binding');
        const there = await peer.accepted();
        t.equal(there.socket.remotePort, allocation.relayed.port, 'from the relayed port');
        t.equal(await there.read(24), 'right behind the request');
        there.socket.write('back');
        t.equal(await link.read(4), 'back');
        link.socket.write('and on');
        t.equal(await there.read(6), 'and on');

        await allocation.client.permit(peer);
        const inbound = await peer.dial(allocation.relayed);
        inbound.socket.write('knock');
        const attempt = await allocation.attempt();
        t.same(attempt.peer, { address: peerAddress, port: inbound.socket.localPort });
        const answer = await DataLink.bound(t, allocation.door, { ...allocation.user, id: attempt.id });
        t.equal(await answer.read(5), 'knock');
        answer.socket.write('who is there?');
        t.equal(await inbound.read(13), 'who is there?');

        const { items } = await turn.control.call('sessions', {});
        t.match(items, [
          {
            relayTransport: 'tcp',
            dataConnections: [
              { peer: formatEndpoint(peer.address, peer.port), state: 'bound', openedBy: 'client' },
              {
                peer: formatEndpoint(attempt.peer.address, attempt.peer.port),
                state: 'bound',
                openedBy: 'peer',
              },
            ],
            toPeerBytes: 24 + 6 + 13,
            toClientBytes: 12 + 4 + 5,
          },
        ]);

        // An end is passed on, and answers may still come the other way.
        link.socket.end('last words');
        t.equal(await there.rest(), 'last words');
        there.socket.end('amen');
        t.equal(await link.rest(), 'amen');
        inbound.socket.end();
        t.equal(await answer.rest(), '');
        answer.socket.end();
        await turn.control.call('status', {});
        t.equal((await allocation.client.refresh(0)).code, 'success');
      });
    }
  }
  t.match((await turn.control.call('sessions', {})).items, []);
  t.equal(await turn.stop(), 0);
});

t.test('many connections of one allocation, from one port', async (t) => {
  const turn = await startTcpRelay(t, {
    ...{ addresses: [OURS], relays: [RELAY], minPort: 54_100, peers: [PEER] },
  });
  const allocation = await TcpAllocation.make(t, turn.door('tcp'));
  const peers = await Promise.all(Array.from({ length: 8 }, () => TcpPeer.open(t, PEER)));
  await allocation.client.permit(peers[0]!);
  const requests = peers.map((peer) => allocation.client.session.peerRequest(METHOD.CONNECT, endpoint(peer)));
  for (const { bytes } of requests) allocation.client.raw(bytes);
  const arriving = peers.map((peer) => peer.accepted());
  for (const stream of await Promise.all(arriving)) {
    t.equal(stream.socket.remotePort, allocation.relayed.port);
  }
  const inbound = await peers[0]!.dial(allocation.relayed);
  t.equal((await allocation.attempt()).peer.port, inbound.socket.localPort, 'and it listens again');
  t.match((await turn.control.call('sessions', {})).items, [{ dataConnections: { length: 9 } }]);
  t.equal(await turn.stop(), 0);
});

t.test('what is refused', async (t) => {
  const turn = await startTcpRelay(t, {
    ...{ addresses: [OURS], relays: [RELAY], minPort: 54_100, peers: [PEER] },
    config: { peers: { scope: 'public', allow: [{ address: PEER, minPort: 1024, maxPort: 65_535 }] } },
  });
  const peer = await TcpPeer.open(t, PEER);
  const stranger = await TcpPeer.open(t, STRANGER);
  await t.test('a control connection of datagrams', async (t) => {
    const client = await TurnClient.open(t, { ...turn, transport: 'udp', ...credential() });
    t.equal((await client.request(METHOD.ALLOCATE, [tcp])).code, 400);
  });
  const allocation = await TcpAllocation.make(t, turn.door('tcp'));
  await t.test('peers', async (t) => {
    for (const [address, port, code] of [
      [STRANGER, stranger.port, 403],
      [OURS, turn.port, 403],
      [RELAY, 54_150, 403],
      [PEER, 22, 403],
      [PEER, 0, 403],
      ['169.254.169.254', 80, 403],
      ['10.0.0.1', 80, 403],
      ['::1', 80, 443],
    ] as const) {
      t.same(await allocation.connect({ address, port }), { code }, `${address} ${port}`);
    }
    const closed = await TcpPeer.open(t, PEER);
    const { port } = closed;
    await closed.close();
    t.same(await allocation.connect({ address: PEER, port }), { code: 447 }, 'nobody listens');
    const answer = await allocation.connect(peer);
    t.ok('id' in answer);
    t.same(await allocation.connect(peer), { code: 446 });
  });
  await t.test('peers that come without permission', async (t) => {
    for (const from of [stranger, peer]) {
      // The reset may be quicker than the news that it was connected.
      const heard = from.dial(allocation.relayed).then((stream) => stream.rest());
      t.equal(await heard.catch(() => ''), '');
    }
    const { drops } = await turn.control.call('status', {});
    t.equal(drops['no-permission'], 2);
  });
  await t.test('a binding by somebody else', async (t) => {
    const answer = await allocation.connect(await TcpPeer.open(t, PEER));
    if (!('id' in answer)) throw new Error('Connect');
    const { door, user } = allocation;
    const asked = async (about: { username: string; password: string }, id = answer.id) =>
      (await DataLink.ask(t, door, { ...about, id })).code;
    t.equal(await asked(credential({ subject: 'mallory' })), 441);
    t.equal(await asked({ ...user, password: 'guessed' }), 401);
    t.equal(await asked(user, (answer.id ^ 1) >>> 0), 400);
    t.equal(await asked(user), 'success');
    t.equal(await asked(user), 400, 'only once');
  });
  const { items } = await turn.control.call('refusals', {});
  const told = new Set(items.map(({ method, code }) => `${method} ${code}`));
  for (const one of ['Connect 403', 'Connect 443', 'Connect 446', 'Connect 447', 'ConnectionBind 400']) {
    t.ok(told.has(one), `the journal has ${one}`);
  }
  t.equal(await turn.stop(), 0);
});

t.test('where peers are the SFU only, TCP is not relayed', async (t) => {
  const turn = await startTcpRelay(t, {
    ...{ addresses: [OURS], relays: [RELAY], minPort: 54_100, peers: [PEER] },
    config: { peers: { scope: 'sfu', allow: [{ address: PEER, minPort: 1, maxPort: 65_535 }] } },
  });
  for (const transport of ['udp', 'tcp'] as const) {
    const client = await TurnClient.open(t, { ...turn, transport, ...credential() });
    t.equal((await client.request(METHOD.ALLOCATE, [tcp])).code, 442, transport);
  }
  const tls = await TcpAllocation.open(t, turn.door('tls'));
  t.equal(await tls.allocate(), 442, 'tls');
  t.equal(await turn.stop(), 0);
});
