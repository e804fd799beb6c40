import t, { type Test } from 'tap';
import type { Namespaces, NamespacesOptions } from '../../namespaces/namespace-service.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';
import { NO_DNS } from '../../namespaces/node-dns.ts';

const started = async (
  t: Test,
  world: World,
  change: Partial<NamespacesOptions> = {},
): Promise<Namespaces> => {
  const daemon = world.daemon(change);
  t.teardown(() => daemon.stop());
  await daemon.start();
  return daemon;
};
const enable = async (daemon: Namespaces, name: string): Promise<string | null | undefined> => {
  if (!daemon.list().some((one) => one.name === name)) daemon.create(name);
  daemon.enableWebrtc(name, { dryRun: false });
  await settled(daemon, name);
  return daemon.operations()[0]?.steps.find(({ id }) => id === 'publish-dns')?.note;
};
const NAME = 'turn.ns-demo.example.com';

t.test('enable makes the records, disable removes them', async (t) => {
  const world = new World(t);
  const publicAddresses = ['192.0.2.7', '2001:db8::7'];
  const daemon = await started(t, world, { publicAddresses });
  t.equal(await enable(daemon, 'demo'), `${NAME} A 192.0.2.7, ${NAME} AAAA 2001:db8::7.`);
  t.same([...world.dns.names], [[NAME, publicAddresses]]);
  t.match((await daemon.status('demo')).dns, { manager: 'rfc2136', problem: '' });
  daemon.disableWebrtc('demo');
  await settled(daemon, 'demo');
  t.equal(world.dns.names.size, 0);
});

t.test('without a manager they are said', async (t) => {
  const world = new World(t);
  const daemon = await started(t, world, { dns: NO_DNS });
  t.equal(await enable(daemon, 'demo'), `DNS is not managed. Make the records: ${NAME} A 192.0.2.7.`);
});

t.test('a name that two namespaces have goes with the second', async (t) => {
  const world = new World(t);
  const daemon = await started(t, world, { turnHostName: 'turn.example.com' });
  await enable(daemon, 'demo');
  await enable(daemon, 'more');
  daemon.disableWebrtc('demo');
  await settled(daemon, 'demo');
  t.same([...world.dns.names.keys()], ['turn.example.com']);
  daemon.disableWebrtc('more');
  await settled(daemon, 'more');
  t.equal(world.dns.names.size, 0);
});

t.test('a server that is away: no enable, and a disable that can be finished later', async (t) => {
  const world = new World(t);
  const daemon = await started(t, world);
  await enable(daemon, 'demo');
  world.dns.failure = 'The DNS server does not answer.';
  daemon.disableWebrtc('demo');
  await settled(daemon, 'demo');
  t.match(daemon.operations()[0], { state: 'failed', error: { message: /does not answer/ } });
  world.dns.failure = '';
  daemon.disableWebrtc('demo');
  await settled(daemon, 'demo');
  t.equal(daemon.get('demo').webrtc, 'disabled');
  t.equal(world.dns.names.size, 0);
});

t.test('the start of the daemon waits for no DNS server, and tries again', async (t) => {
  const world = new World(t);
  const first = await started(t, world);
  await enable(first, 'demo');
  await first.stop();
  world.dns.names.clear();
  world.dns.failure = 'The DNS server does not answer.';
  const next = await started(t, world);
  t.equal(next.get('demo').webrtc, 'enabled');
  t.match((await next.status('demo')).dns, { problem: /does not answer/ });
  world.dns.failure = '';
  world.clock.advance(60_000);
  await new Promise(setImmediate);
  t.same([...world.dns.names.keys()], [NAME]);
  t.match((await next.status('demo')).dns, { problem: '' });
});
