import t from 'tap';
import type { TurnServiceConfig } from '../../../contract/turn-config.ts';
import { parseIp } from '../../../kit/ip-address.ts';
import { decidePeer } from '../../../turn/core/peer-policy.ts';
import { interfaceAddresses } from '../../../turn/server/own-addresses.ts';
import { turnSettings } from '../../../turn/server/turn-settings.ts';
import { turnConfig } from '../../helpers/turn-client.ts';

type Peers = TurnServiceConfig['peers'];

function reasons(peers: Peers, addresses: readonly string[], interfaces: () => string[]): string[] {
  const { policy } = turnSettings(turnConfig({ peers }), [4, 6], interfaces);
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
