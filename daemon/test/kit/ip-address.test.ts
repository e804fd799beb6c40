import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import {
  canonicalIp,
  formatEndpoint,
  formatIp,
  isLoopback,
  isPrivate,
  isUnspecified,
  parseIp,
} from '../../kit/ip-address.ts';

t.test('one spelling for one address', (t) => {
  const cases: [string, string | undefined][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::ffff:7f00:1', '127.0.0.1'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['fe80::1%eth0', undefined],
    ['256.0.0.1', undefined],
    ['1.2.3', undefined],
    ['', undefined],
  ];
  for (const [text, wanted] of cases) t.equal(canonicalIp(text), wanted, text);
  t.end();
});

t.test('every address survives a round trip', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const parsed = parseIp(text);
      if (parsed === undefined) return false;
      const spelled = formatIp(parsed);
      const again = parseIp(spelled);
      return (
        (isIPv4(spelled) || isIPv6(spelled)) &&
        again !== undefined &&
        Buffer.from(again.bytes).equals(Buffer.from(parsed.bytes))
      );
    }),
  );
  t.pass('no difference found');
  t.end();
});

t.test('knows what a shield may be', (t) => {
  for (const text of [
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    'fd00::1',
    '::1',
  ]) {
    t.ok(isPrivate(parseIp(text)!), text);
  }
  for (const text of ['8.8.8.8', '172.32.0.1', '192.169.0.1', '100.128.0.1', '2001:db8::1', '0.0.0.0']) {
    t.notOk(isPrivate(parseIp(text)!), text);
  }
  t.ok(isUnspecified(parseIp('0.0.0.0')!));
  t.ok(isUnspecified(parseIp('::')!));
  t.ok(isLoopback(parseIp('::ffff:127.9.9.9')!));
  t.notOk(isLoopback(parseIp('::2')!));
  t.equal(formatEndpoint('::1', 80), '[::1]:80');
  t.equal(formatEndpoint('1.2.3.4', 80), '1.2.3.4:80');
  t.end();
});
