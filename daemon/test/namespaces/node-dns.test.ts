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
  daemon.enableWebrtc(name);
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

t.test('a server that is away: no enable, and nothing is left of it', async (t) => {
  const world = new World(t);
  const daemon = await started(t, world);
  world.dns.failure = 'The DNS server does not answer.';
  await enable(daemon, 'demo');
  t.match(daemon.operations()[0], { state: 'failed', error: { message: /does not answer\.$/ } });
  t.equal(daemon.get('demo').webrtc, 'disabled');
  t.same([world.services.running.size, world.store.portClaims(), world.firewall.open], [0, [], []]);
  world.dns.failure = '';
  await enable(daemon, 'demo');
  t.same([...world.dns.names.keys()], [NAME]);
  t.same(world.store.dnsDebts(), [], 'a name in use is no debt');
});

t.test('a server that is away keeps nobody from disabling: the name goes later', async (t) => {
  const world = new World(t);
  const first = await started(t, world);
  await enable(first, 'demo');
  await enable(first, 'more');
  world.dns.names.set('www.example.com', ['192.0.2.80']);
  world.dns.failure = 'The DNS server does not answer.';
  first.disableWebrtc('demo');
  await settled(first, 'demo');
  t.match(first.operations()[0], {
    state: 'succeeded',
    steps: [{}, {}, {}, {}, {}, { id: 'withdraw-dns', note: /Not removed yet.* does not answer/ }],
  });
  t.equal(first.get('demo').webrtc, 'disabled');
  t.match((await first.diagnosis.facts()).dnsDebts, [{ name: NAME, problem: /does not answer/ }]);
  await first.stop();
  const next = await started(t, world);
  t.ok(world.dns.names.has(NAME));
  world.dns.failure = '';
  world.clock.advance(60_000);
  await calm();
  t.same([...world.dns.names.keys()].sort(), ['turn.ns-more.example.com', 'www.example.com']);
  t.same((await next.diagnosis.facts()).dnsDebts, []);
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

/** What is under way with promises alone comes to its end. */
const calm = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('records that somebody changes or removes are set anew while the daemon runs', async (t) => {
  const world = new World(t);
  const daemon = await started(t, world);
  await enable(daemon, 'demo');
  await enable(daemon, 'more');
  const right = [...world.dns.names];
  world.dns.names.delete(NAME);
  world.dns.names.set('turn.ns-more.example.com', ['192.0.2.66']);
  t.match((await daemon.diagnosis.facts()).namespaces[0]?.dnsProblem, NAME);
  t.equal(world.dns.names.size, 1, 'who examines changes nothing');
  world.clock.advance(150_000);
  await calm();
  t.same([...world.dns.names].sort(), right.sort());
  world.dns.names.clear();
  world.clock.advance(150_000);
  await calm();
  t.equal(world.dns.names.size, 2, 'and again');
});

t.test('a look leaves alone what is being disabled, and what never was ours', async (t) => {
  const world = new World(t);
  const daemon = await started(t, world);
  await enable(daemon, 'demo');
  world.dns.names.set('www.example.com', ['192.0.2.80']);
  daemon.disableWebrtc('demo');
  world.clock.advance(150_000);
  await settled(daemon, 'demo');
  await daemon.repair();
  t.same([...world.dns.names.keys()], ['www.example.com']);
});

t.test('repair: now, and it says what it found and what it could not mend', async (t) => {
  const world = new World(t);
  const daemon = await started(t, world);
  await enable(daemon, 'demo');
  t.same(await daemon.repair(), []);
  world.dns.names.clear();
  world.firewall.openings = [];
  t.match(await daemon.repair(), [
    { what: 'firewall', subject: 'host', found: /missing/, problem: '' },
    { what: 'dns', subject: NAME, found: /has/, problem: '' },
  ]);
  t.same([...world.dns.names.keys()], [NAME]);
  t.equal(world.firewall.open.length, 4);
  world.dns.names.clear();
  world.dns.failure = 'The DNS server does not answer.';
  t.match(await daemon.repair(), [{ what: 'dns', problem: /does not answer/ }]);
  t.match((await daemon.status('demo')).dns, { problem: /does not answer/ });
});

t.test(
  'a name that cannot be set keeps no other waiting, and neither does a server that is away',
  async (t) => {
    const world = new World(t);
    const daemon = await started(t, world);
    for (const name of ['one', 'two', 'zzz']) await enable(daemon, name);
    const asked: string[] = [];
    let bad = (name: string): boolean => name.includes('one');
    world.dns.set = (name, addresses) => {
      asked.push(name.slice('turn.ns-'.length, -'.example.com'.length));
      if (bad(name)) return Promise.reject(new Error('It is an alias.'));
      world.dns.names.set(name, addresses);
      return Promise.resolve();
    };
    world.dns.names.clear();
    await daemon.repair();
    await daemon.repair();
    t.same(asked, ['one', 'two', 'zzz', 'one']);
    bad = () => true;
    world.dns.names.clear();
    asked.length = 0;
    for (let round = 0; round < 4; round += 1) await daemon.repair();
    t.same(asked, ['two', 'zzz', 'one', 'two'], 'one name a round, each in its turn');
  },
);
