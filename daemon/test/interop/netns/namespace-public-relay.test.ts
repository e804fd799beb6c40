/**
 * Two namespaces with a public relay, enabled by the command line on the running daemon, at addresses that count
 * as public. The peer lives in a network namespace beside.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { run } from '../../../../cli/program.ts';
import { turnSessionListSchema } from '../../../contract/turn-session.ts';
import { formatIp } from '../../../kit/ip-address.ts';
import { ATTRIBUTE } from '../../../turn/codec/attribute-types.ts';
import { readXorAddress } from '../../../turn/codec/attributes.ts';
import { attributeOf } from '../../../turn/codec/stun-message.ts';
import { readDataIndication } from '../../../turn/core/client-session.ts';
import { Appliance } from '../../helpers/appliance.ts';
import { openPeerBeside, PEER_PORT } from '../../helpers/public-peer.ts';
import { TurnClient } from '../../helpers/turn-client.ts';
import { TcpAllocation, type Address, type Door } from '../../helpers/turn-tcp-relay.ts';

t.setTimeout(170_000);

const OWN = '198.41.0.4';
/** Of another interface address of this host. */
const OWN_TOO = '198.41.0.6';
const SHIELD = '127.0.42.1';
const PUBLIC = '198.41.0.5';
const peer = { address: PUBLIC, port: PEER_PORT };
const skip = process.env['TURNKEEP_TEST_NETWORK_ADDRESS'] === undefined && 'needs a network namespace (root)';

type Credentials = { username: string; password: string };

t.test('public peers and the own SFU are reached; this host and its relays are not', { skip }, async (t) => {
  await openPeerBeside(t, { own: [OWN, OWN_TOO], peer: [PUBLIC] });
  const appliance = await Appliance.start(t, SHIELD, {
    public: { addresses: [OWN] },
    turn: { bindAddresses: [OWN] },
  });
  const said: string[] = [];
  const streams = { out: (text: string) => said.push(text), err: (text: string) => said.push(text) };
  const cli = async (...args: string[]): Promise<void> => {
    const socket = join(appliance.dir, 'run/turnkeepd.sock');
    t.equal(await run(['--socket', socket, ...args], streams, {}), 0, said.join('\n'));
  };
  // The enable ends with the proof: the SFU on the shield answers through the public relay.
  for (const namespace of ['one', 'two']) {
    await cli('namespace', 'create', namespace);
    await cli('namespace', 'enable', 'webrtc', '--namespace', namespace, '--relay', 'public');
    t.match(await appliance.status(namespace), { state: 'enabled', relay: 'public' });
  }
  const [one, two] = [(await appliance.status('one')).ports!, (await appliance.status('two')).ports!];
  const issue = (namespace: string): Promise<Credentials> =>
    appliance.api.post(`/v1/namespaces/${namespace}/turn/credentials`, { subject: 'client' });

  const { client, relayed } = await allocated(t, one.turn, await issue('one'));
  t.equal(relayed.address, OWN);
  t.equal((await client.permit(peer)).code, 'success');
  client.send(peer, Buffer.from('there and back'));
  t.equal((await client.next(readDataIndication)).payload.toString(), 'there and back');
  t.equal((await client.permit({ address: SHIELD, port: one.sfuMedia.minPort })).code, 'success');

  const other = await allocated(t, two.turn, await issue('two'));
  const refused = [
    other.relayed,
    relayed,
    { address: OWN_TOO, port: PEER_PORT },
    { address: SHIELD, port: one.sfuSignaling },
    { address: SHIELD, port: two.sfuMedia.minPort },
    { address: '127.0.0.1', port: 8080 },
    { address: '10.99.0.1', port: PEER_PORT },
    { address: '169.254.169.254', port: 80 },
  ];
  for (const { address, port } of refused) {
    t.equal((await client.bind(0x4001, { address, port })).code, 403, `${address} ${String(port)}`);
  }

  const trustPem = readFileSync(join(appliance.dir, 'ca/ca.pem'), 'utf8');
  const doors: Door[] = [
    { transport: 'tcp', address: OWN, port: one.turn },
    { transport: 'tls', address: OWN, port: one.turns, tls: { trustPem, host: OWN } },
  ];
  for (const door of doors) {
    await t.test(`the same by TCP, over ${door.transport}`, async (t) => {
      const allocation = await TcpAllocation.make(t, door, await issue('one'));
      t.equal(allocation.relayed.address, OWN);
      const link = await allocation.through(t, peer, 'there and back');
      t.equal(await link.read(14), 'there and back');
      for (const { address, port } of refused) {
        t.same(await allocation.connect({ address, port }), { code: 403 }, `${address} ${String(port)}`);
      }
      const { items } = await appliance.api.get(
        '/v1/namespaces/one/turn/sessions?limit=100',
        turnSessionListSchema,
      );
      const connections = items.flatMap(({ dataConnections }) => dataConnections);
      t.match(connections, [{ peer: `${PUBLIC}:${String(PEER_PORT)}`, state: 'bound', openedBy: 'client' }]);
      t.equal((await allocation.client.refresh(0)).code, 'success');
      t.equal(await link.rest(), '');
    });
  }
});

async function allocated(
  t: Test,
  port: number,
  credentials: Credentials,
): Promise<{ client: TurnClient; relayed: Address }> {
  const client = await TurnClient.open(t, { transport: 'udp', address: OWN, port, ...credentials });
  const { message } = await client.allocate();
  const value = attributeOf(message!, ATTRIBUTE.XOR_RELAYED_ADDRESS)!;
  const { address, port: relayedPort } = readXorAddress(value, message!.transactionId)!;
  return { client, relayed: { address: formatIp(address), port: relayedPort } };
}
