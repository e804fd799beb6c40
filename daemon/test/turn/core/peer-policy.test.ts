import t from 'tap';
import { decidePeer, PeerPolicy } from '../../../turn/core/peer-policy.ts';
import { parseIp } from '../../../kit/ip-address.ts';

const policy = new PeerPolicy([
  { address: '10.1.2.3', minPort: 20000, maxPort: 20499 },
  { address: '10.1.2.3', minPort: 30000, maxPort: 30000 },
  { address: 'fd00::7', minPort: 20000, maxPort: 20499 },
]);
const decide = (address: string, port: number | undefined, families: (4 | 6)[] = [4, 6]): string => {
  const decision = decidePeer(policy, parseIp(address)!, { families, port });
  return decision.allowed ? decision.address : String(decision.code);
};

t.test('only the blocks are allowed', (t) => {
  for (const [address, port, expected] of [
    ['10.1.2.3', 20000, '10.1.2.3'],
    ['10.1.2.3', 20499, '10.1.2.3'],
    ['10.1.2.3', 30000, '10.1.2.3'],
    ['10.1.2.3', undefined, '10.1.2.3'],
    ['fd00:0:0:0::7', 20001, 'fd00::7'],
    ['10.1.2.3', 19999, '403'],
    ['10.1.2.3', 20500, '403'],
    ['10.1.2.3', 0, '403'],
    ['10.1.2.4', 20000, '403'],
    ['10.1.2.4', undefined, '403'],
    ['fd00::8', 20000, '403'],
  ] as const) {
    t.equal(decide(address, port), expected, `${address} ${String(port)}`);
  }
  t.end();
});

t.test('a peer of a family the allocation lacks is 443', (t) => {
  t.equal(decide('10.1.2.3', 20000, [6]), '443');
  t.equal(decide('fd00::7', 20000, [4]), '443');
  t.end();
});

t.test('special addresses and re-encodings are refused, even of an allowed address', (t) => {
  for (const address of [
    '0.0.0.0',
    '127.0.0.1',
    '169.254.169.254',
    '255.255.255.255',
    '224.0.0.1',
    '::',
    '::1',
    'fe80::1',
    'ff02::1',
    '::ffff:10.1.2.3',
    '::ffff:127.0.0.1',
    '::10.1.2.3',
    '::127.0.0.1',
    '2002:a01:203::1',
    '64:ff9b::10.1.2.3',
    '64:ff9b:1::10.1.2.3',
    '2001:0:a01:203::1',
    'fd00::5efe:10.1.2.3',
  ]) {
    for (const port of [undefined, 0, 1, 22, 20000, 65535]) t.equal(decide(address, port), '403', address);
  }
  t.end();
});

t.test('an empty list allows nothing', (t) => {
  const nothing = new PeerPolicy([]);
  const decision = decidePeer(nothing, parseIp('10.1.2.3')!, { families: [4], port: 20000 });
  t.same(decision, { allowed: false, code: 403, reason: 'not-an-sfu' });
  t.end();
});

t.test('a refusal names its reason', (t) => {
  const reason = (address: string, port: number | undefined, families: (4 | 6)[] = [4, 6]): string => {
    const decision = decidePeer(policy, parseIp(address)!, { families, port });
    return decision.allowed ? 'allowed' : `${decision.code} ${decision.reason}`;
  };
  t.equal(reason('10.1.2.3', 20000), 'allowed');
  t.equal(reason('10.1.2.3', 22), '403 not-an-sfu');
  t.equal(reason('10.0.0.5', 20000), '403 not-an-sfu');
  t.equal(reason('10.0.0.5', undefined), '403 not-an-sfu');
  t.equal(reason('10.1.2.3', 0), '403 port-zero');
  t.equal(reason('::ffff:10.1.2.3', 20000), '403 re-encoded');
  t.equal(reason('fd00::7', 20000, [4]), '443 wrong-family');
  t.end();
});
