import t from 'tap';
import { firewallOpenings, openingText } from '../../namespaces/firewall-openings.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';
import { NO_FIREWALL } from '../../namespaces/node-firewall.ts';

const blocks = {
  sfuSignaling: 30000,
  sfuMedia: { minPort: 20000, maxPort: 20499 },
  turnRelay: { minPort: 49152, maxPort: 49951 },
  turn: 3478,
  turns: 5349,
};
const base = {
  namespace: 'demo',
  blocks,
  turnBindAddresses: ['192.0.2.7'],
  publicAddresses: ['192.0.2.7', '2001:db8::7'],
  shieldAddress: '10.255.255.1',
  encryptedOnly: false,
  relayScope: 'sfu' as const,
};
const texts = (change: object = {}): string[] => firewallOpenings({ ...base, ...change }).map(openingText);

t.test('what has to be open: exactly the public listeners, and the relay of a public one', (t) => {
  t.same(texts(), [
    'udp 3478 to 192.0.2.7',
    'tcp 3478 to 192.0.2.7',
    'tcp 5349 to 192.0.2.7',
    'udp 5349 to 192.0.2.7',
  ]);
  t.same(texts({ encryptedOnly: true }), ['tcp 5349 to 192.0.2.7', 'udp 5349 to 192.0.2.7']);
  t.same(texts({ turnBindAddresses: ['127.0.0.1', '::1'] }), [], 'loopback is not reached by outsiders');
  t.same(texts({ turnBindAddresses: ['::'], encryptedOnly: true }), ['tcp 5349', 'udp 5349']);
  t.same(texts({ relayScope: 'public', encryptedOnly: true }).slice(2), [
    'udp 49152-49951 to 192.0.2.7',
    'tcp 49152-49951 to 192.0.2.7',
    'udp 49152-49951 to 2001:db8::7',
    'tcp 49152-49951 to 2001:db8::7',
  ]);
  const onlyIpv6 = texts({ relayScope: 'public', encryptedOnly: true, publicAddresses: ['2001:db8::7'] });
  t.notOk(onlyIpv6.join().includes('10.255'), 'never the shield');
  t.end();
});

t.test('a firewall that refuses: the enable is rolled back, and can be tried again', async (t) => {
  const world = new World(t);
  const daemon = world.daemon();
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  world.firewall.failure = 'nft refused: no rights.';
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  t.match(daemon.operations()[0], { state: 'failed', error: { message: /no rights/ } });
  t.equal(daemon.get('demo').webrtc, 'disabled', 'nothing is stuck');
  world.firewall.failure = '';
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  t.equal(daemon.get('demo').webrtc, 'enabled');
  const note = daemon.operations()[0]?.steps.find(({ id }) => id === 'open-firewall')?.note;
  t.equal(note, 'Open in nftables: udp 3478, tcp 3478, tcp 5349, udp 5349.');
});

t.test('what could not be closed is closed later, and a disable does not wait for it', async (t) => {
  const world = new World(t);
  const daemon = world.daemon();
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  world.firewall.failure = 'ufw did not end within 20 s.';
  daemon.disableWebrtc('demo');
  await settled(daemon, 'demo');
  t.equal(daemon.get('demo').webrtc, 'disabled');
  t.not(world.firewall.open.length, 0);
  world.firewall.failure = '';
  world.clock.advance(60_000);
  await new Promise(setImmediate);
  t.same(world.firewall.open, [], 'a minute later');
});

t.test('the next start sets the rules anew, whatever became of them', async (t) => {
  const world = new World(t);
  const first = world.daemon();
  await first.start();
  for (const name of ['demo', 'more']) {
    first.create(name);
    first.enableWebrtc(name);
    await settled(first, name);
  }
  await first.stop();
  t.equal(world.firewall.open.length, 8, 'a daemon that stops closes nothing: services go on');
  world.firewall.openings = [];
  const next = world.daemon();
  t.teardown(() => next.stop());
  await next.start();
  t.equal(world.firewall.open.length, 8);
  t.match((await next.status('more')).firewall, { manager: 'nftables', problem: '', open: ['udp 3480'] });
});

t.test('rules that somebody removes are told, and set anew while the daemon runs', async (t) => {
  const world = new World(t);
  const daemon = world.daemon();
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  t.equal((await daemon.diagnosis.facts()).firewallDrift, '');
  world.firewall.openings = [];
  t.match((await daemon.diagnosis.facts()).firewallDrift, /missing/);
  t.equal(world.firewall.open.length, 0, 'who examines changes nothing');
  world.clock.advance(120_000);
  await daemon.diagnosis.facts(); // After the look, which is first in the queue.
  t.equal(world.firewall.open.length, 4);
  t.equal((await daemon.diagnosis.facts()).firewallDrift, '');
});

t.test('without a managed firewall the ports to open are said', async (t) => {
  const world = new World(t);
  const daemon = world.daemon({ firewall: NO_FIREWALL });
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  const note = daemon.operations()[0]?.steps.find(({ id }) => id === 'open-firewall')?.note;
  t.equal(
    note,
    'No firewall is managed. If this host has one, open: udp 3478, tcp 3478, tcp 5349, udp 5349.',
  );
});
