/** Records by dynamic update against a real BIND. */
import { chmodSync } from 'node:fs';
import t from 'tap';
import { daemonConfigSchema } from '../../../contract/daemon-config.ts';
import { openDns } from '../../../host-dns.ts';
import type { DnsRecords } from '../../../namespaces/system.ts';
import { BIND, bindServer, bindSkip, ZONE } from '../../helpers/bind-server.ts';
import { settled, World } from '../../helpers/namespace-fakes.ts';

const NAME = `turn.ns-demo.${ZONE}`;

t.test('DNS records by RFC 2136', { skip: bindSkip }, async (t) => {
  const bind = await bindServer(t);
  const { resolver, serial } = bind;
  const open = (keyFile: string, change: object = {}): DnsRecords =>
    openDns(
      daemonConfigSchema.parse({
        dns: {
          manager: 'rfc2136',
          server: `${BIND.host}:${String(BIND.port)}`,
          zone: ZONE,
          keyFile,
          ...change,
        },
      }),
    );
  const dns = open(bind.keyFile);
  const addresses = async (name = NAME): Promise<string[]> =>
    (
      await Promise.all([resolver.resolve4(name).catch(() => []), resolver.resolve6(name).catch(() => [])])
    ).flat();

  await t.test('set, replaced, removed', async (t) => {
    await dns.set(NAME, ['192.0.2.7', '2001:db8:0::7', '192.0.2.8']);
    t.same((await addresses()).sort(), ['192.0.2.7', '192.0.2.8', '2001:db8::7']);
    t.same(await resolver.resolve4(NAME, { ttl: true }).then((all) => all.map(({ ttl }) => ttl)), [60, 60]);
    await dns.set(NAME, ['192.0.2.9']);
    t.same(await addresses(), ['192.0.2.9'], 'the former ones are gone');
    t.equal(await dns.check(NAME, ['192.0.2.9']), '');
    t.equal(await dns.check(NAME, ['192.0.2.7']), `${NAME} has 192.0.2.9 instead of 192.0.2.7.`);
    await dns.set(NAME, []);
    t.same(await addresses(), []);
    await dns.set(NAME, []);
    t.same(await resolver.resolveTxt(NAME), [["somebody's"]], 'other records of the name stay');
  });

  await t.test('what is right already is not written again', async (t) => {
    await dns.set(NAME, ['192.0.2.7', '2001:db8::7']);
    const before = await serial();
    await dns.set(NAME, ['2001:db8::7', '192.0.2.7']);
    t.equal(await serial(), before);
    await dns.set(NAME, []);
  });

  await t.test('refusals are sentences', async (t) => {
    await t.rejects(open(bind.strangerKeyFile).set(NAME, ['192.0.2.7']), /did not set.*dns\.keyFile/);
    await t.rejects(open('/nowhere/key').set(NAME, ['192.0.2.7']), /did not set.*dns\.keyFile/);
    t.same(await addresses(), []);
    await t.rejects(dns.set('turn.elsewhere.test', ['192.0.2.7']), /not in the zone video\.test/);
    await t.rejects(dns.set(`a.${ZONE}\nserver 192.0.2.1`, ['192.0.2.7']), /not in the zone/);
    await t.rejects(dns.set(`alias.${ZONE}`, ['192.0.2.7']), /CNAME/);
    const away = open(bind.keyFile, { server: '127.0.53.2:9' });
    await t.rejects(away.set(NAME, ['192.0.2.7']), /127\.0\.53\.2:9 did not set/);
    t.match(await away.check(NAME, ['192.0.2.7']), /127\.0\.53\.2:9 does not answer/);
  });

  await t.test('the key is in no message', async (t) => {
    chmodSync(bind.strangerKeyFile, 0o600);
    const error = await open(bind.strangerKeyFile)
      .set(NAME, ['192.0.2.7'])
      .catch((one: unknown) => one);
    t.notMatch(JSON.stringify([String(error), error]), /[A-Za-z0-9+/]{43}=/);
  });

  await t.test('enable and disable of a namespace', async (t) => {
    const world = new World(t);
    const daemon = world.daemon({ dns, turnHostName: `turn.ns-{namespace}.${ZONE}` });
    t.teardown(() => daemon.stop());
    await daemon.start();
    daemon.create('demo');
    daemon.enableWebrtc('demo');
    await settled(daemon, 'demo');
    t.equal(daemon.get('demo').webrtc, 'enabled');
    t.same(await addresses(), ['192.0.2.7']);
    await dns.set(NAME, ['192.0.2.66']);
    t.match(await daemon.repair(), [
      { what: 'dns', subject: NAME, found: `${NAME} has 192.0.2.66 instead of 192.0.2.7.`, problem: '' },
    ]);
    t.same(await addresses(), ['192.0.2.7']);
    await dns.set(NAME, []);
    world.clock.advance(150_000); // The daemon's own look.
    t.same((await daemon.repair()).length, 1, 'which is waited for');
    t.same(await addresses(), ['192.0.2.7']);
    daemon.disableWebrtc('demo');
    await settled(daemon, 'demo');
    t.equal(daemon.get('demo').webrtc, 'disabled');
    t.same(await addresses(), []);
  });
});
