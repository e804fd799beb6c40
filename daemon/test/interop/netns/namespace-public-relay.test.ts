/**
 * Two namespaces with a public relay, enabled by the daemon's own steps on addresses that count as public. The
 * peer lives in a network namespace beside.
 */
import { execFileSync, spawn } from 'node:child_process';
import t, { type Test } from 'tap';
import { formatIp } from '../../../kit/ip-address.ts';
import { ATTRIBUTE } from '../../../turn/codec/attribute-types.ts';
import { readXorAddress } from '../../../turn/codec/attributes.ts';
import { attributeOf } from '../../../turn/codec/stun-message.ts';
import { readDataIndication } from '../../../turn/core/client-session.ts';
import { ended, realNode, type RealNode } from '../../helpers/namespace-real.ts';
import { temporaryDirectory } from '../../helpers/namespace-directory.ts';
import { TurnClient } from '../../helpers/turn-client.ts';

t.setTimeout(170_000);

const OWN = '198.41.0.4';
/** Of another interface address of this host. */
const OWN_TOO = '198.41.0.6';
const SHIELD = '127.0.42.1';
const PUBLIC = '198.41.0.5';
const PORT = 20_000;
const ECHO = `
const { createSocket } = require('node:dgram');
const socket = createSocket('udp4');
socket.on('message', (bytes, { port, address }) => socket.send(bytes, port, address));
socket.bind(${PORT}, () => console.log('bound'));
process.stdin.on('end', () => process.exit()).resume();
`;

const skip = process.env['TURNKEEP_TEST_NETWORK_ADDRESS'] === undefined && 'needs a network namespace (root)';

async function enabled(node: RealNode, name: string): Promise<void> {
  node.namespaces.create(name);
  const started = node.namespaces.enableWebrtc(name, { dryRun: false, relay: 'public' });
  const operation = await ended(node.namespaces, 'operationId' in started ? started.operationId : '');
  if (operation.state !== 'succeeded') throw new Error(JSON.stringify(operation.steps, null, 2));
}

async function allocated(
  t: Test,
  node: RealNode,
  name: string,
): Promise<{ client: TurnClient; relayed: { address: string; port: number } }> {
  const { ports } = await node.namespaces.status(name);
  const credentials = node.namespaces.turnCredentials(name, { subject: 'client' });
  const client = await TurnClient.open(t, {
    transport: 'udp',
    address: OWN,
    port: ports!.turn,
    ...credentials,
  });
  const { message } = await client.allocate();
  const value = attributeOf(message!, ATTRIBUTE.XOR_RELAYED_ADDRESS)!;
  const { address, port } = readXorAddress(value, message!.transactionId)!;
  return { client, relayed: { address: formatIp(address), port } };
}

t.test('public peers and the own SFU are reached; this host and its relays are not', { skip }, async (t) => {
  // The child makes its namespace before node starts in it, so what it prints comes from inside.
  const beside = spawn('unshare', ['--net', process.execPath, '-e', ECHO], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => beside.kill('SIGKILL'));
  await new Promise((resolve) => beside.stdout.once('data', resolve));
  const pid = String(beside.pid);
  const ip = (...words: string[]): unknown => execFileSync('ip', words);
  const inside = (...words: string[]): unknown => execFileSync('nsenter', ['-t', pid, '-n', 'ip', ...words]);
  ip('link', 'add', 'tk-own', 'type', 'veth', 'peer', 'name', 'tk-beside', 'netns', pid);
  for (const address of [OWN, OWN_TOO]) ip('address', 'add', `${address}/24`, 'dev', 'tk-own');
  ip('link', 'set', 'tk-own', 'up');
  inside('address', 'add', `${PUBLIC}/24`, 'dev', 'tk-beside');
  inside('link', 'set', 'tk-beside', 'up');

  const node = await realNode({
    dataDir: temporaryDirectory(t),
    address: SHIELD,
    stopServicesOnExit: true,
    change: { publicAddresses: [OWN], turnBindAddresses: [OWN] },
  });
  t.teardown(() => node.close());
  await node.namespaces.start();
  // The enable ends with the proof: the SFU on the shield answers through the public relay.
  await enabled(node, 'one');
  await enabled(node, 'two');
  const { ports } = await node.namespaces.status('one');
  t.match(await node.namespaces.status('one'), { state: 'enabled', relay: 'public' });

  const { client, relayed } = await allocated(t, node, 'one');
  t.equal(relayed.address, OWN);
  const peer = { address: PUBLIC, port: PORT };
  t.equal((await client.permit(peer)).code, 'success');
  client.send(peer, Buffer.from('there and back'));
  t.equal((await client.next(readDataIndication)).payload.toString(), 'there and back');
  t.equal((await client.permit({ address: SHIELD, port: ports!.sfuMedia.minPort })).code, 'success');

  const other = await allocated(t, node, 'two');
  const refused = [
    other.relayed,
    relayed,
    { address: OWN_TOO, port: PORT },
    { address: SHIELD, port: ports!.sfuSignaling },
    { address: SHIELD, port: (await node.namespaces.status('two')).ports!.sfuMedia.minPort },
    { address: '127.0.0.1', port: 8080 },
    { address: '10.99.0.1', port: PORT },
    { address: '169.254.169.254', port: 80 },
  ];
  for (const { address, port } of refused) {
    t.equal((await client.bind(0x4001, { address, port })).code, 403, `${address} ${String(port)}`);
  }
});
