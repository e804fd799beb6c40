/** The power is cut before and after every change of the world: the next start ends in a consistent state. */
import t, { type Test } from 'tap';
import { HostKey } from '../../system/host-key.ts';
import type { Namespaces } from '../../namespaces/namespace-service.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';

/** All of it is there, or nothing is. */
function check(t: Test, world: World, daemon: Namespaces, what: string): 'enabled' | 'disabled' {
  const { webrtc, operationId } = daemon.get('demo');
  const facts = {
    operations: world.store.runningOperations().length,
    configs: world.store.webrtcConfigs().map((one) => one.state),
    claims: world.store.portClaims().map((one) => one.blocks.turn),
    running: [...world.services.running].sort(),
    files: [...world.services.configs.keys()].sort(),
    state: world.stateFile.names(),
    signaling: daemon.signaling('demo')?.port,
    open: world.firewall.open,
    names: [...world.dns.names.keys()],
    operationId,
  };
  const services = ['sfu-demo', 'turn-demo'];
  const on = {
    operations: 0,
    configs: ['enabled'],
    claims: [3478],
    running: services,
    files: services,
    state: ['demo'],
    signaling: 30000,
    open: ['udp 3478', 'tcp 3478', 'tcp 5349', 'udp 5349'],
    names: ['turn.ns-demo.example.com'],
    operationId: null,
  };
  const off = {
    ...on,
    configs: [],
    claims: [],
    running: [],
    files: [],
    state: [],
    signaling: undefined,
    open: [],
    names: [],
  };
  if (webrtc !== 'enabled' && webrtc !== 'disabled') t.fail(`${what}: ${webrtc} ${JSON.stringify(facts)}`);
  t.same(facts, webrtc === 'enabled' ? on : off, what);
  return webrtc === 'enabled' ? 'enabled' : 'disabled';
}

async function freshWorld(t: Test, enabled: boolean): Promise<{ world: World; daemon: Namespaces }> {
  const world = new World(t);
  const daemon = world.daemon();
  await daemon.start();
  daemon.create('demo');
  if (enabled) {
    daemon.enableWebrtc('demo');
    await settled(daemon, 'demo');
  }
  return { world, daemon };
}

for (const kind of ['enable', 'disable'] as const) {
  t.test(`${kind}: the power goes at every point`, async (t) => {
    const ends = new Set<string>();
    const begin = (daemon: Namespaces): void => {
      if (kind === 'enable') daemon.enableWebrtc('demo');
      else daemon.disableWebrtc('demo');
    };
    const measured = await freshWorld(t, kind === 'disable');
    const before = measured.world.changes;
    begin(measured.daemon);
    await settled(measured.daemon, 'demo');
    const changes = measured.world.changes - before;
    t.ok(changes > 20, `${changes} changes`);
    for (let at = 2; at <= changes; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const { world, daemon } = await freshWorld(t, kind === 'disable');
        const dark = world.cutPower(at, when);
        begin(daemon);
        await dark;
        await daemon.stop();
        world.restorePower();
        const next = world.daemon();
        await next.start();
        await settled(next, 'demo');
        ends.add(check(t, world, next, `${kind}, ${when} change ${at}`));
        await next.stop();
      }
    }
    if (kind === 'disable') t.same(ends, new Set(['disabled']), 'a disable is always finished');
    else t.ok(ends.has('disabled'));
  });
}

t.test('rotation: the power goes at every point', async (t) => {
  const secretsOf = (config: object | undefined): unknown[] =>
    (config as { secrets: { secret: string }[] }).secrets.map(({ secret }) => secret);
  for (const now of [false, true]) {
    const measured = await freshWorld(t, true);
    const before = measured.world.changes;
    measured.daemon.turnAccess.rotateSecret('demo', { now });
    await settled(measured.daemon, 'demo');
    const changes = measured.world.changes - before;
    await measured.daemon.stop();
    t.ok(changes > 10, `${changes} changes`);
    for (let at = 2; at <= changes; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const what = `${now ? 'now, ' : ''}${when} change ${at}`;
        const { world, daemon } = await freshWorld(t, true);
        const { turnSecret: old } = secretsIn(world);
        const dark = world.cutPower(at, when);
        daemon.turnAccess.rotateSecret('demo', { now });
        await dark;
        await daemon.stop();
        world.restorePower();
        const next = world.daemon();
        await next.start();
        await settled(next, 'demo');
        t.equal(check(t, world, next, what), 'enabled');
        const { turnSecret, others } = secretsIn(world);
        t.not(turnSecret, old, `${what}: finished`);
        t.same(others, now ? [] : [old], what);
        t.same(secretsOf(world.services.loaded.get('turn-demo')), [turnSecret, ...others], what);
        t.match(world.services.loaded.get('sfu-demo'), { turn: { secret: turnSecret } }, what);
        t.same(world.services.loaded, world.services.configs, what);
        await next.stop();
      }
    }
  }
});

/** What the database says, opened. */
function secretsIn(world: World): { turnSecret: string; others: string[] } {
  const { sealedTurnSecret, turnAccess } = world.store.webrtcConfig('demo')!;
  const open = (sealed: string): string =>
    new HostKey(Buffer.alloc(32, 7)).unseal('turn-secret', 'demo', sealed);
  return { turnSecret: open(sealedTurnSecret), others: turnAccess.secrets.map(({ sealed }) => open(sealed)) };
}

t.test('the power goes while the next start is repairing, again and again', async (t) => {
  for (const cut of [8, 14, 20, 25]) {
    const { world, daemon } = await freshWorld(t, false);
    const dark = world.cutPower(cut, 'after');
    daemon.enableWebrtc('demo');
    await dark;
    await daemon.stop();
    for (let at = 1; at <= 12; at += 1) {
      world.restorePower();
      void world.cutPower(at, 'before');
      const next = world.daemon();
      await next.start().catch(() => undefined);
      if (!world.isDark) await settled(next, 'demo');
      await next.stop();
    }
    world.restorePower();
    const last = world.daemon();
    await last.start();
    await settled(last, 'demo');
    check(t, world, last, `after cut ${cut}`);
    await last.stop();
  }
});

t.test('a power cut that takes the database: back on the same ports from the state file', async (t) => {
  const { world, daemon } = await freshWorld(t, true);
  await daemon.stop();
  world.services.running.clear();
  world.loseDatabase(t);
  const next = world.daemon();
  await next.start();
  t.equal(check(t, world, next, 'restored'), 'enabled');
  await next.stop();
});

t.test(
  'neither database nor state file can be read: what runs is left alone, and so are the copies',
  async (t) => {
    const { world, daemon } = await freshWorld(t, true);
    await daemon.stop();
    const torn = world.stateFile.current!.slice(0, 100);
    world.stateFile.current = torn;
    world.stateFile.previous = torn;
    const { store } = world;
    const { open } = world.firewall;
    world.loseDatabase(t);
    const blind = world.daemon({ storeStandsIn: true });
    await blind.start();
    t.same([...world.services.running].sort(), ['sfu-demo', 'turn-demo']);
    t.match(await blind.repair(), [{ what: 'firewall', problem: /is not known/ }]);
    t.same(world.firewall.open, open);
    t.same([world.stateFile.current, world.stateFile.previous], [torn, torn]);
    await blind.stop();
    world.store = store;
    const next = world.daemon();
    await next.start();
    t.equal(check(t, world, next, 'the database is mended'), 'enabled');
    await next.stop();
  },
);

t.test('a database that stands in makes no state file newer than the real one', async (t) => {
  const { world, daemon } = await freshWorld(t, true);
  await daemon.stop();
  const before = world.stateFile.current;
  const { store } = world;
  world.loseDatabase(t);
  const blind = world.daemon({ storeStandsIn: true });
  await blind.start();
  t.equal(blind.get('demo').webrtc, 'enabled');
  await blind.stop();
  t.equal(world.stateFile.current, before);
  world.store = store;
});

t.test('a torn state file is not used: previous copy, then database', async (t) => {
  for (const previous of ['kept', 'torn'] as const) {
    const { world, daemon } = await freshWorld(t, true);
    await daemon.stop();
    const good = world.stateFile.current!;
    world.stateFile.previous = previous === 'kept' ? good : good.slice(0, 50);
    world.stateFile.current = good.slice(0, 100);
    world.services.running.clear();
    const next = world.daemon();
    await next.start();
    t.equal(check(t, world, next, previous), 'enabled', 'and the file is whole again');
    await next.stop();
  }
});

t.test('a full disk for the state file fails an enable cleanly and never a start', async (t) => {
  const { world, daemon } = await freshWorld(t, true);
  await daemon.stop();
  world.stateFile.current = null;
  world.stateFile.write = () => Promise.reject(new Error('ENOSPC: no space left on device'));
  const next = world.daemon();
  await next.start();
  t.equal(next.get('demo').webrtc, 'enabled');
  next.create('more');
  next.enableWebrtc('more');
  await settled(next, 'more');
  t.match(next.operations()[0], { namespace: 'more', state: 'failed', error: { message: /ENOSPC/ } });
  await next.stop();
});

t.test('another host key: the namespace is reported as broken and the daemon starts', async (t) => {
  const { world, daemon } = await freshWorld(t, true);
  await daemon.stop();
  const sealer = {
    seal: () => '',
    unseal: () => {
      throw new Error('The sealed turn-secret of demo does not open with this host key.');
    },
  };
  world.services.running.clear();
  const next = world.daemon({ sealer });
  await next.start();
  t.equal(next.get('demo').webrtc, 'degraded');
  t.match(await next.status('demo'), { turn: { up: 'down', sentence: /does not open/ } });
  t.equal(next.signaling('demo'), undefined);
  await next.stop();
});
