import t from 'tap';
import { sfuServiceConfigSchema } from '../../contract/sfu-config.ts';
import { turnServiceConfigSchema } from '../../contract/turn-config.ts';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-limits.ts';
import { proofTarget } from '../../namespaces/enable-steps.ts';
import {
  relayAddresses,
  renderSfuConfig,
  renderTurnConfig,
  turnUris,
  type ServiceInputs,
} from '../../namespaces/render-service-config.ts';

const input: ServiceInputs = {
  namespace: 'demo',
  blocks: {
    sfuSignaling: 30000,
    sfuMedia: { minPort: 20000, maxPort: 20499 },
    turnRelay: { minPort: 49152, maxPort: 49951 },
    turn: 3478,
    turns: 5349,
  },
  turnSecret: 'x'.repeat(43),
  ticketKey: 'y'.repeat(43),
  ttlSeconds: 600,
  shieldAddress: '10.9.0.1',
  publicAddresses: ['192.0.2.7', '2001:db8::7'],
  turnBindAddresses: ['0.0.0.0', '::'],
  encryptedOnly: false,
  domain: null,
};
const files = { certFile: '/t/demo.pem', keyFile: '/t/demo.pem' };

t.test('both configurations satisfy the contract the services check', (t) => {
  t.ok(turnServiceConfigSchema.safeParse(renderTurnConfig(input, '/run/t.sock', files)).success);
  t.ok(sfuServiceConfigSchema.safeParse(renderSfuConfig(input, '/run/s.sock')).success);
  t.end();
});

t.test('the relay reaches the SFU media block only, the SFU hears the relay block only', (t) => {
  const turn = renderTurnConfig(input, '/run/t.sock', files);
  const sfu = renderSfuConfig(input, '/run/s.sock');
  t.same(turn.peers, { scope: 'sfu', allow: [{ address: '10.9.0.1', minPort: 20000, maxPort: 20499 }] });
  t.same(sfu.relays, [{ address: '10.9.0.1', minPort: 49152, maxPort: 49951 }]);
  t.same(turn.relay, { addresses: ['10.9.0.1'], minPort: 49152, maxPort: 49951 });
  t.equal(turn.rfc5766Channels, false);
  t.end();
});

t.test('a public relay is bound to public addresses, knows the SFU, and denies what this node owns', (t) => {
  const open: ServiceInputs = { ...input, relayScope: 'public' };
  const turn = renderTurnConfig(open, '/run/t.sock', files);
  const sfu = renderSfuConfig(open, '/run/s.sock');
  const allow = [{ address: '10.9.0.1', minPort: 20000, maxPort: 20499 }];
  t.same(turn.peers, {
    scope: 'public',
    allow,
    deny: ['192.0.2.7', '2001:db8::7', '0.0.0.0', '::', '10.9.0.1'],
  });
  const ports = { minPort: 49152, maxPort: 49951 };
  t.same(turn.relay, { addresses: ['192.0.2.7', '2001:db8::7'], ...ports });
  t.same(sfu.relays, [
    { address: '192.0.2.7', ...ports },
    { address: '2001:db8::7', ...ports },
  ]);
  t.ok(turnServiceConfigSchema.safeParse(turn).success);
  t.ok(sfuServiceConfigSchema.safeParse(sfu).success);
  t.same(
    relayAddresses({ ...open, publicAddresses: ['2001:db8::7', '2001:db8::8'] }),
    ['2001:db8::7', '10.9.0.1'],
    'the SFU is reached in its own family',
  );
  t.same(proofTarget(open, 'PEM', 0).forbiddenPeer, { address: '10.9.0.1', port: 30000 });
  t.end();
});

t.test(
  'the limits are those of the configuration; no more allocations than the relay block has ports',
  (t) => {
    const limitsOf = (change: Partial<ServiceInputs>) =>
      renderTurnConfig({ ...input, ...change }, '/s', files).limits;
    t.same(limitsOf({}), DEFAULT_TURN_LIMITS);
    const turnLimits = {
      ...DEFAULT_TURN_LIMITS,
      allocations: 900,
      allocationsPerUser: 3,
      bytesPerSecond: 99,
    };
    t.same(limitsOf({ turnLimits }), { ...turnLimits, allocations: 800 });
    t.end();
  },
);

t.test('listeners are udp, tcp, tls and dtls on every bind address', (t) => {
  const listeners = (of: ServiceInputs): string[] =>
    renderTurnConfig(of, '/s', files).listeners.map(
      (one) => `${one.transport} ${one.address} ${String(one.port)}`,
    );
  t.same(listeners(input), [
    'udp 0.0.0.0 3478',
    'tcp 0.0.0.0 3478',
    'tls 0.0.0.0 5349',
    'dtls 0.0.0.0 5349',
    'udp :: 3478',
    'tcp :: 3478',
    'tls :: 5349',
    'dtls :: 5349',
  ]);
  t.same(listeners({ ...input, encryptedOnly: true }), [
    'tls 0.0.0.0 5349',
    'dtls 0.0.0.0 5349',
    'tls :: 5349',
    'dtls :: 5349',
  ]);
  t.same(renderTurnConfig(input, '/s', files).certificate, files);
  t.end();
});

t.test('URIs name the port of the namespace, IPv6 in brackets, the domain instead when there is one', (t) => {
  t.same(turnUris(input), [
    'turn:192.0.2.7:3478?transport=udp',
    'turn:192.0.2.7:3478?transport=tcp',
    'turns:192.0.2.7:5349?transport=tcp',
    'turn:[2001:db8::7]:3478?transport=udp',
    'turn:[2001:db8::7]:3478?transport=tcp',
    'turns:[2001:db8::7]:5349?transport=tcp',
  ]);
  t.same(turnUris({ ...input, domain: 'turn.example.com' }), [
    'turn:turn.example.com:3478?transport=udp',
    'turn:turn.example.com:3478?transport=tcp',
    'turns:turn.example.com:5349?transport=tcp',
  ]);
  t.same(turnUris({ ...input, publicAddresses: ['192.0.2.7'] }, { dtls: true }), [
    'turn:192.0.2.7:3478?transport=udp',
    'turn:192.0.2.7:3478?transport=tcp',
    'turns:192.0.2.7:5349?transport=tcp',
    'turns:192.0.2.7:5349?transport=udp',
  ]);
  t.same(turnUris({ ...input, encryptedOnly: true }), [
    'turns:192.0.2.7:5349?transport=tcp',
    'turns:[2001:db8::7]:5349?transport=tcp',
  ]);
  t.same(renderSfuConfig({ ...input, encryptedOnly: true }, '/s').turn.uris.length, 2);
  t.end();
});

t.test('eight bind and eight public addresses fit what the services accept', (t) => {
  const eight = Array.from({ length: 8 }, (_, at) => `192.0.2.${String(at + 1)}`);
  const wide = { ...input, publicAddresses: eight, turnBindAddresses: eight };
  t.ok(turnServiceConfigSchema.safeParse(renderTurnConfig(wide, '/run/t.sock', files)).success);
  t.ok(sfuServiceConfigSchema.safeParse(renderSfuConfig(wide, '/run/s.sock')).success);
  t.end();
});

t.test('the relay is proven on a listener that exists', (t) => {
  t.same(proofTarget(input, 'PEM', 0).turn, { transport: 'udp', address: '127.0.0.1', port: 3478 });
  t.same(proofTarget({ ...input, encryptedOnly: true, domain: 'turn.example.com' }, 'PEM', 0).turn, {
    transport: 'tls',
    address: '127.0.0.1',
    port: 5349,
    tls: { trustPem: 'PEM', host: 'turn.example.com' },
  });
  t.end();
});
