import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { decidePeer, PeerPolicy } from '../../../turn/core/peer-policy.ts';
import { formatIp, parseIp } from '../../../kit/ip-address.ts';

const policy = new PeerPolicy([
  { address: '10.1.2.3', minPort: 20000, maxPort: 20499 },
  { address: '10.1.2.3', minPort: 30000, maxPort: 30000 },
  { address: 'fd00::7', minPort: 20000, maxPort: 20499 },
]);

const hex = (ipv4: string, mask = 0): string => {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map((octet) => Number(octet) ^ mask);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
};
/** Every IPv6 form that hides an IPv4 address, with all that is free in it set to something. */
const RE_ENCODINGS: readonly ((ipv4: string) => string)[] = [
  (ipv4) => `::ffff:${ipv4}`,
  (ipv4) => `::${ipv4}`,
  (ipv4) => `::ffff:0:${ipv4}`,
  (ipv4) => `2002:${hex(ipv4)}::`,
  (ipv4) => `2002:${hex(ipv4)}:7:0:5efe:808:808`,
  (ipv4) => `64:ff9b::${ipv4}`,
  (ipv4) => `64:ff9b:1::${ipv4}`,
  (ipv4) => `2001:0:808:808:8000:63bf:${hex(ipv4, 0xff)}`,
  (ipv4) => `fd00::5efe:${ipv4}`,
  (ipv4) => `2606:4700:1:2:200:5efe:${ipv4}`,
];
/** One address of every special-purpose block. */
const SPECIAL = [
  ...['0.0.0.0', '0.0.0.1', '10.0.0.5', '100.64.0.1', '127.0.0.2', '168.63.129.16', '169.254.169.254'],
  ...['172.16.0.1', '192.0.0.192', '192.0.2.1', '192.31.196.1', '192.52.193.1', '192.88.99.1', '192.168.1.1'],
  ...['192.175.48.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.250'],
  ...['240.0.0.1', '255.255.255.255'],
  ...['::', '::1', '100::1', '100:0:0:1::1', '64:ff9b:2::1', '2001:2::1', '2001:20::1', '2001:db8::1'],
  ...['2620:4f:8000::1', '3fff::1', '5f00::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1'],
];
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

t.test('special addresses are in no block', (t) => {
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
  ]) {
    for (const port of [undefined, 0, 1, 22, 20000, 65535]) t.equal(decide(address, port), '403', address);
  }
  t.end();
});

t.test('a re-encoding gets the answer of the address it hides', (t) => {
  for (const form of RE_ENCODINGS) {
    t.equal(decide(form('10.1.2.3'), 20000), '10.1.2.3', form('10.1.2.3'));
    t.equal(decide(form('10.1.2.3'), undefined), '10.1.2.3');
    t.equal(decide(form('10.1.2.3'), 22), '403');
    t.equal(decide(form('10.1.2.3'), 0), '403');
    t.equal(decide(form('10.1.2.4'), 20000), '403');
    t.equal(decide(form('127.0.0.1'), 20000), '403');
    t.equal(decide(form('10.1.2.3'), 20000, [4]), '443', 'it is written as IPv6');
    t.equal(decide(form('10.1.2.3'), 20000, [6]), '403', 'no relay to send from');
  }
  t.end();
});

t.test('what a network’s own NAT64 prefix hides cannot be told', (t) => {
  // RFC 6052 section 2.2 puts the octets at bytes 6, 7, 9 and 10 of a /48, and at the end of a /96.
  for (const address of ['64:ff9b:1:a01:2:300::', '64:ff9b:1:abcd::10.1.2.3', '64:ff9b:1:0:1::10.1.2.3']) {
    t.equal(decide(address, 20000), '403', address);
  }
  t.end();
});

t.test('property: no re-encoding changes a decision', (t) => {
  const octet = fc.integer({ min: 0, max: 255 });
  const anyIpv4 = fc.tuple(octet, octet, octet, octet).map((bytes) => bytes.join('.'));
  const ipv4 = fc.oneof(fc.constant('10.1.2.3'), fc.constantFrom('0.0.0.2', '127.0.0.1'), anyIpv4);
  const ports = fc.oneof(fc.constantFrom(undefined, 0, 22, 20000, 30000), fc.integer({ min: 0, max: 65535 }));
  fc.assert(
    fc.property(ipv4, ports, fc.constantFrom(...RE_ENCODINGS), (hidden, port, form) => {
      // ::0.0.0.0 and ::0.0.0.1 are the unspecified address and loopback: addresses of their own, not allowed.
      const plain = decidePeer(policy, parseIp(hidden)!, { families: [4, 6], port });
      const written = decidePeer(policy, parseIp(form(hidden))!, { families: [4, 6], port });
      assert.deepEqual(written, plain);
    }),
    { numRuns: 2000 },
  );
  t.pass('no difference found');
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
  t.equal(reason('::ffff:10.1.2.3', 20000), 'allowed');
  t.equal(reason('::ffff:10.1.2.4', 20000), '403 not-an-sfu');
  t.equal(reason('::ffff:10.1.2.3', 20000, [6]), '403 re-encoded');
  t.equal(reason('64:ff9b:1:1::10.1.2.3', 20000), '403 re-encoded');
  t.equal(reason('fd00::7', 20000, [4]), '443 wrong-family');
  t.end();
});

const publicPolicy = new PeerPolicy([{ address: '10.1.2.3', minPort: 20000, maxPort: 20499 }], {
  own: ['198.41.0.4', '2606:4700::1', '127.0.0.1', '10.1.2.3'],
});
const publicReason = (address: string, ...[port]: [] | [number | undefined]): string => {
  const decision = decidePeer(publicPolicy, parseIp(address)!, { families: [4, 6], port });
  return decision.allowed ? `to ${decision.address}` : decision.reason;
};

t.test('a public relay reaches public addresses and its own SFU', (t) => {
  for (const address of ['8.8.8.8', '1.1.1.1', '223.255.255.255', '2606:4700:4700::1111', '2001:200::1']) {
    for (const port of [undefined, 1, 443, 65535]) t.equal(publicReason(address, port), `to ${address}`);
    t.equal(publicReason(address, 0), 'port-zero');
  }
  t.equal(publicReason('10.1.2.3', 20000), 'to 10.1.2.3');
  t.equal(publicReason('10.1.2.3', undefined), 'to 10.1.2.3');
  t.equal(publicReason('10.1.2.3', 22), 'not-an-sfu');
  t.end();
});

t.test('a public relay refuses this host and the special-purpose registries', (t) => {
  for (const own of ['198.41.0.4', '2606:4700::1', '127.0.0.1']) t.equal(publicReason(own), 'own-address');
  for (const address of SPECIAL) t.equal(publicReason(address), 'special-purpose', address);
  for (const address of [...SPECIAL, '198.41.0.4', '8.8.8.8'].filter((text) => !text.includes(':'))) {
    for (const form of RE_ENCODINGS) {
      // These two are no encodings: the unspecified address and loopback.
      if (['::', '::1'].includes(formatIp(parseIp(form(address))!))) continue;
      t.equal(publicReason(form(address)), publicReason(address), form(address));
    }
  }
  t.end();
});

t.test('the ends of special-purpose blocks', (t) => {
  for (const [last, next] of [
    ['0.255.255.255', '1.0.0.0'],
    ['10.255.255.255', '11.0.0.0'],
    ['100.127.255.255', '100.128.0.0'],
    ['127.255.255.255', '128.0.0.0'],
    ['172.31.255.255', '172.32.0.0'],
    ['192.0.0.255', '192.0.1.0'],
    ['198.19.255.255', '198.20.0.0'],
    ['2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:200::'],
    ['3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', '3fff:1000::'],
  ] as const) {
    t.equal(publicReason(last), 'special-purpose', last);
    t.equal(publicReason(next), `to ${next}`);
  }
  for (const [first, before] of [
    ['224.0.0.0', '223.255.255.255'],
    ['100.64.0.0', '100.63.255.255'],
    ['172.16.0.0', '172.15.255.255'],
    ['4000::', '3fff:ffff::'],
  ] as const) {
    t.equal(publicReason(first), 'special-purpose', first);
    t.equal(publicReason(before), `to ${before}`);
  }
  t.end();
});

t.test('the data path’s question agrees with the decision on every permitted address', (t) => {
  const addresses = fc.oneof(fc.constantFrom('10.1.2.3', '8.8.8.8', 'fd00::7'), fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(
      fc.constantFrom(policy, publicPolicy),
      addresses,
      fc.oneof(fc.constantFrom(0, 22, 20000, 30000), fc.integer({ min: 0, max: 65535 })),
      (peers, text, port) => {
        const ip = parseIp(text)!;
        const address = formatIp(ip);
        if (peers.refusal(ip, address, undefined) !== undefined) return;
        assert.equal(peers.allowsPort(address, port), peers.refusal(ip, address, port) === undefined);
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('no difference found');
  t.end();
});
