import t from 'tap';
import { sfuServiceConfigSchema } from '../../contract/sfu-config.ts';
import { turnServiceConfigSchema } from '../../contract/turn-config.ts';
import {
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
  domain: null,
};

t.test('both configurations satisfy the contract the services check', (t) => {
  t.ok(turnServiceConfigSchema.safeParse(renderTurnConfig(input, '/run/t.sock')).success);
  t.ok(sfuServiceConfigSchema.safeParse(renderSfuConfig(input, '/run/s.sock')).success);
  t.end();
});

t.test('the relay reaches the SFU media block only, the SFU hears the relay block only', (t) => {
  const turn = renderTurnConfig(input, '/run/t.sock');
  const sfu = renderSfuConfig(input, '/run/s.sock');
  t.same(turn.peers, { scope: 'sfu', allow: [{ address: '10.9.0.1', minPort: 20000, maxPort: 20499 }] });
  t.same(sfu.relays, [{ address: '10.9.0.1', minPort: 49152, maxPort: 49951 }]);
  t.same(turn.relay, { addresses: ['10.9.0.1'], minPort: 49152, maxPort: 49951 });
  t.equal(turn.rfc5766Channels, false);
  t.end();
});

t.test('listeners are udp and tcp on every bind address', (t) => {
  t.same(
    renderTurnConfig(input, '/s').listeners.map((one) => `${one.transport} ${one.address} ${one.port}`),
    ['udp 0.0.0.0 3478', 'tcp 0.0.0.0 3478', 'udp :: 3478', 'tcp :: 3478'],
  );
  t.end();
});

t.test('URIs name the port of the namespace, IPv6 in brackets, the domain instead when there is one', (t) => {
  t.same(turnUris(input), [
    'turn:192.0.2.7:3478?transport=udp',
    'turn:192.0.2.7:3478?transport=tcp',
    'turn:[2001:db8::7]:3478?transport=udp',
    'turn:[2001:db8::7]:3478?transport=tcp',
  ]);
  t.same(turnUris({ ...input, domain: 'turn.example.com' }), [
    'turn:turn.example.com:3478?transport=udp',
    'turn:turn.example.com:3478?transport=tcp',
  ]);
  t.end();
});
