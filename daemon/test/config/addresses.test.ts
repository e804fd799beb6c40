import t from 'tap';
import { advertisedTunnel, apiUrlOf, certificateSubject, shieldWarning } from '../../config/addresses.ts';
import { daemonConfigSchema } from '../../contract/daemon-config.ts';

const OWN = { hostname: 'Box', addresses: ['192.168.1.5', 'fe80::1'] };

t.test('what people type: the public URL, else the listen address', (t) => {
  const url = (value: object) => apiUrlOf(daemonConfigSchema.parse(value), 8080);
  t.equal(url({}), 'http://127.0.0.1:8080');
  t.equal(url({ api: { publicUrl: 'https://video.example.com/' } }), 'https://video.example.com');
  t.equal(url({ api: { listen: '[::1]:0', tls: 'local-ca' } }), 'https://[::1]:8080');
  t.equal(
    url({ api: { listen: '0.0.0.0:8080' }, public: { addresses: ['192.168.1.5'] } }),
    'http://192.168.1.5:8080',
  );
  t.end();
});

t.test('what cameras dial: advertised, else the listen address, never 0.0.0.0', (t) => {
  const tunnel = (embedded: object) =>
    advertisedTunnel(
      daemonConfigSchema.parse({ tunnels: { embedded }, public: { addresses: ['192.168.1.5'] } }),
    );
  t.equal(tunnel({}), undefined);
  t.equal(tunnel({ advertise: 'tunnels.example.com:443' }), 'tunnels.example.com:443');
  t.equal(tunnel({ listen: '0.0.0.0:8443' }), '192.168.1.5:8443');
  t.end();
});

t.test('the certificate names every address in use', (t) => {
  const config = daemonConfigSchema.parse({
    api: { listen: '0.0.0.0:8080', publicUrl: 'https://video.example.com' },
    public: { addresses: ['203.0.113.9'] },
    tunnels: { embedded: { advertise: 'tunnels.example.com:8443' } },
  });
  const { names, addresses } = certificateSubject(config, OWN);
  t.strictSame(names, [
    'localhost',
    'box',
    'video.example.com',
    'tunnels.example.com',
    '*.t.tunnels.example.com',
  ]);
  t.strictSame(addresses, ['127.0.0.1', '::1', '203.0.113.9', '192.168.1.5', 'fe80::1']);
  t.end();
});

t.test('a shield on loopback is named with whom it shuts out, and the remedy', (t) => {
  const warning = (address: string) => shieldWarning({ shield: { address } });
  for (const address of ['127.0.0.1', '127.0.47.7', '::1']) {
    t.match(warning(address), /^Firefox shows no picture while shield.address is .*: .* name it as shield/);
  }
  for (const address of ['10.255.255.1', '192.168.1.5', 'fd00::1']) t.equal(warning(address), undefined);
  t.end();
});
