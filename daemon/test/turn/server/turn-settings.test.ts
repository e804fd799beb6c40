import { readFileSync } from 'node:fs';
import t from 'tap';
import type { TurnServiceConfig } from '../../../contract/turn-config.ts';
import { parseIp } from '../../../kit/ip-address.ts';
import { decidePeer } from '../../../turn/core/peer-policy.ts';
import { interfaceAddresses, interfaceMtu } from '../../../turn/server/own-addresses.ts';
import { turnSettings } from '../../../turn/server/turn-settings.ts';
import { turnConfig } from '../../helpers/turn-client.ts';

type Peers = TurnServiceConfig['peers'];

function reasons(peers: Peers, addresses: readonly string[], interfaceAddresses: () => string[]): string[] {
  const host = { interfaceAddresses, interfaceMtu: () => undefined };
  const { policy } = turnSettings(turnConfig({ peers }), [4, 6], host);
  return addresses.map((address) => {
    const decision = decidePeer(policy, parseIp(address)!, { families: [4, 6], port: 443 });
    return decision.allowed ? 'allowed' : decision.reason;
  });
}

t.test('a public relay denies the listed, the served and the interfaces’ addresses', (t) => {
  t.same(
    reasons(
      { scope: 'public', allow: [], deny: ['198.41.0.4'] },
      ['8.8.8.8', '198.41.0.4', '127.0.11.20', '127.0.11.21', '199.7.83.42', '2606:4700::5'],
      () => ['199.7.83.42', '2606:4700::5'],
    ),
    ['allowed', ...Array<string>(5).fill('own-address')],
  );
  t.end();
});

t.test('the default relay asks nobody for interfaces', (t) => {
  const never = (): string[] => t.fail('it asked') as never;
  t.same(reasons({ scope: 'sfu', allow: [] }, ['8.8.8.8', '127.0.11.20'], never), [
    'not-an-sfu',
    'not-an-sfu',
  ]);
  t.end();
});

t.test('the interfaces of this host are read', (t) => {
  const addresses = interfaceAddresses();
  t.ok(addresses.includes('127.0.0.1'));
  for (const address of addresses) t.ok(parseIp(address), address);
  t.end();
});

t.test('what goes out in one piece is what the link of the relayed address carries', (t) => {
  const relay = { addresses: ['10.9.0.1', 'fd00::1'], minPort: 52_000, maxPort: 52_009 };
  const piece = (mtus: Record<string, number>) =>
    turnSettings(turnConfig({ relay }), [4, 6], {
      interfaceAddresses: () => [],
      interfaceMtu: (address) => mtus[address],
    }).unfragmentedBytes;
  t.same(piece({ '10.9.0.1': 1420, 'fd00::1': 1500 }), { 4: 1392, 6: 1452 });
  t.same(piece({ '10.9.0.1': 65_536 }), { 4: 1472, 6: 1232 }, 'never more than Ethernet; 1280 when unknown');
  const loopback = Number(readFileSync('/sys/class/net/lo/mtu', 'utf8'));
  for (const address of ['127.0.0.1', '127.0.44.1']) t.equal(interfaceMtu(address), loopback, address);
  t.equal(interfaceMtu('192.0.2.1'), undefined);
  t.end();
});
