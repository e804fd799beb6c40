/** A public relay against peers that are no addresses of its host: they live in a network namespace beside. */
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { readDataIndication } from '../../../turn/core/client-session.ts';
import { openPeerBeside, PEER_PORT } from '../../helpers/public-peer.ts';
import { credential, startTurn, TurnClient } from '../../helpers/turn-client.ts';
import { TcpAllocation } from '../../helpers/turn-tcp-relay.ts';

t.setTimeout(120_000);

const OWN = '198.41.0.4';
/** Of the same interface; no listener and no relay is there. */
const OWN_TOO = '198.41.0.6';
const PUBLIC = '198.41.0.5';
/** Reachable all the same, and private. */
const PRIVATE = '10.77.0.5';
const skip = process.env['TURNKEEP_TEST_NETWORK_ADDRESS'] === undefined && 'needs a network namespace (root)';

t.test('public peers are reached, private ones and the host are not', { skip }, async (t) => {
  await openPeerBeside(t, { own: [OWN, OWN_TOO, '10.77.0.4'], peer: [PUBLIC, PRIVATE] });
  const turn = await startTurn(t, {
    address: '127.0.33.21',
    config: {
      relay: { addresses: [OWN], minPort: 53_470, maxPort: 53_479 },
      peers: { scope: 'public', allow: [] },
    },
  });
  const client = await TurnClient.open(t, { transport: 'udp', ...turn, ...credential() });
  await client.allocate();
  t.equal((await client.permit({ address: PUBLIC, port: PEER_PORT })).code, 'success');
  client.send({ address: PUBLIC, port: PEER_PORT }, Buffer.from('there and back'));
  const back = await client.next(readDataIndication);
  t.equal(back.payload.toString(), 'there and back');
  t.equal(back.peer.port, PEER_PORT);
  t.equal((await client.bind(0x4000, { address: PUBLIC, port: PEER_PORT })).code, 'success');
  for (const address of [PRIVATE, OWN, OWN_TOO, '10.77.0.4', '127.0.33.21']) {
    t.equal((await client.permit({ address, port: PEER_PORT })).code, 403, address);
    t.equal((await client.bind(0x4001, { address, port: PEER_PORT })).code, 403, address);
  }
  await t.test('the same by TCP', async (t) => {
    const { address, port } = turn;
    const allocation = await TcpAllocation.make(t, { transport: 'tcp', address, port });
    t.equal(allocation.relayed.address, OWN);
    const link = await allocation.through(t, { address: PUBLIC, port: PEER_PORT }, 'there and back');
    t.equal(await link.read(14), 'there and back');
    for (const address of [PRIVATE, OWN, OWN_TOO, '10.77.0.4', '127.0.33.21']) {
      t.same(await allocation.connect({ address, port: PEER_PORT }), { code: 403 }, address);
    }
    t.equal((await allocation.client.refresh(0)).code, 'success');
    t.equal(await link.rest(), '');
  });
  const { items } = await turn.control.call('sessions', {});
  t.match(items, [{ permissions: [PUBLIC], channels: 1 }]);

  // Back to the default: what was allowed is taken away at once.
  const config = { ...turn.config, peers: { scope: 'sfu', allow: [] } };
  writeFileSync(turn.configFile, JSON.stringify(config));
  await turn.control.call('reload', {});
  t.match((await turn.control.call('sessions', {})).items, [{ permissions: [], channels: 0 }]);
  t.equal((await client.permit({ address: PUBLIC, port: PEER_PORT })).code, 403);
  await turn.stop();
});
