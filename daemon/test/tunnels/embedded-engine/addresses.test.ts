/** Names and addresses the engine hands out. */
import t from 'tap';
import { parseEngineAddress } from '../../../tunnels/engine-address.ts';
import { EmbeddedEngine } from '../../../tunnels/embedded-engine/engine.ts';
import { publishedDomain, publishedHostname } from '../../../tunnels/embedded-engine/tunnel.ts';
import { silentLog } from '../../helpers/silent-log.ts';

t.test('reads host[:port] and refuses everything else', (t) => {
  t.same(parseEngineAddress('engine.test'), { host: 'engine.test', port: undefined });
  t.same(parseEngineAddress('engine.test:8443'), { host: 'engine.test', port: 8443 });
  t.same(parseEngineAddress('[::1]:8443'), { host: '::1', port: 8443 });
  for (const bad of ['', 'https://a', 'a:0', 'a:70000', 'a:', '::1', 'a/b', 'u@a', 'a b']) {
    t.throws(() => parseEngineAddress(bad), /must be host\[:port\]/, bad);
  }
  t.end();
});

t.test('publishes under names that a URL may have', (t) => {
  t.equal(publishedHostname('device-1', 'Engine.test'), 'device-1.t.engine.test');
  t.equal(publishedDomain('10.0.0.1'), 't.ip4-10-0-0-1.internal');
  t.equal(publishedDomain('::1'), `t.ip6-${'0'.repeat(31)}1.internal`);
  for (const name of ['Device 1', 'a.b', '-a', 'a-', 'x'.repeat(64), 'ünï']) {
    const hostname = publishedHostname(name, '127.0.0.1');
    t.match(hostname, /^t-[0-9a-f]{24}\.t\./, name);
    t.equal(new URL(`https://${hostname}:1/`).hostname, hostname);
    t.equal(publishedHostname(name, '127.0.0.1'), hostname, 'the same each time');
  }
  t.end();
});

t.test('tells cameras where to dial', (t) => {
  const endpoint = (port: number, advertise?: string): string =>
    new EmbeddedEngine({
      listen: { address: '127.0.14.1', port },
      ...(advertise === undefined ? {} : { advertise }),
      certificate: { certPem: '', keyPem: '', caPem: null },
      tokenKey: Buffer.alloc(32),
      log: silentLog,
    }).endpoint;
  t.equal(endpoint(8443), '127.0.14.1:8443');
  t.equal(endpoint(8443, 'box.example'), 'box.example:8443');
  t.equal(endpoint(8443, 'box.example:443'), 'box.example:443');
  t.throws(() => endpoint(0), /before it is started/);
  t.throws(() => endpoint(8443, 'https://box'), /must be host/);
  t.end();
});
