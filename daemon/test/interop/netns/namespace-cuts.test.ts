/**
 * The real daemon is killed (SIGKILL) before each line of the journal of an enable and of a disable: between any two
 * steps, and when a step has done its work and nothing says so yet. The next start finishes it or takes it back, and
 * rows, port claims, state file, processes, sockets, files, nftables and BIND agree; a neighbour's services run on.
 *
 * `npm run test:cuts` cuts everywhere, also while an enable is being taken back; without it at some points.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { WebrtcStatus } from '../../../contract/api.ts';
import type { DoctorReport, Inspection } from '../../../contract/diagnosis.ts';
import { DISABLE_PLAN, ENABLE_PLAN } from '../../../namespaces/saga.ts';
import { decodeStateFile } from '../../../namespaces/state-file.ts';
import { nsupdateScript } from '../../../system/dns/nsupdate-script.ts';
import { sendUpdate } from '../../../system/dns/send-update.ts';
import { BIND, bindServer, bindSkip, ZONE, type BindServer } from '../../helpers/bind-server.ts';
import { KilledDaemon, operationEnd, type Cut } from '../../helpers/killed-daemon.ts';

const ALL = process.env['TURNKEEP_TEST_CUTS'] === 'all';
const LIMIT_MS = ALL ? 3_000_000 : 290_000;
const SHIELD = '127.0.74.1';
/** What the services bind, and what viewers are sent to: that of a NAT in front of the host. */
const OWN = process.env['TURNKEEP_TEST_NETWORK_ADDRESS'] ?? '';
const PUBLIC = '198.41.0.9';
const missing = ['/usr/sbin/nft', '/usr/bin/ss'].filter((file) => !existsSync(file));
const skip = bindSkip === false && missing.length > 0 ? `needs ${missing.join(' ')}` : bindSkip;

type Kind = 'enable' | 'disable';
const START: Record<Kind, 'enabled' | 'disabled'> = { enable: 'disabled', disable: 'enabled' };

/** Where an operation can be cut: before and after each step, and before its end. */
function cutsOf(plan: readonly { id: string }[]): Cut[] {
  const steps = plan.flatMap(({ id }): Cut[] => [
    { step: id, state: 'running' },
    { step: id, state: 'done' },
  ]);
  return [...steps, 'end'];
}

const CUTS: Record<Kind, Cut[]> = ALL
  ? { enable: cutsOf(ENABLE_PLAN), disable: cutsOf(DISABLE_PLAN) }
  : {
      // All that an enable makes outside is there, and some of it is gone: each begins where the one before ended.
      enable: [{ step: 'prove-relay', state: 'running' }, 'end'],
      disable: [{ step: 'stop-turn', state: 'running' }],
    };

class World {
  readonly daemon: KilledDaemon;
  readonly #bind: BindServer;
  /** Of the namespace that nobody touches. */
  neighbours: { name: string; pid: number }[] = [];

  constructor(t: Test, bind: BindServer) {
    this.#bind = bind;
    this.daemon = new KilledDaemon(t, {
      api: { listen: `${SHIELD}:8080` },
      public: { addresses: [PUBLIC] },
      turn: { bindAddresses: [OWN], hostName: `turn.ns-{namespace}.${ZONE}` },
      shield: { address: SHIELD },
      tunnels: { embedded: { listen: `${SHIELD}:8443` } },
      firewall: { manager: 'nftables' },
      dns: {
        ...{ manager: 'rfc2136', zone: ZONE, keyFile: bind.keyFile },
        server: `${BIND.host}:${String(BIND.port)}`,
      },
      services: { stopOnExit: false },
    });
  }

  status(): Promise<WebrtcStatus> {
    return this.daemon.api.get('/v1/namespaces/demo/webrtc/status');
  }

  async begin(kind: Kind, namespace = 'demo'): Promise<string> {
    const path = `/v1/namespaces/${namespace}/webrtc/${kind}`;
    return (await this.daemon.api.post<{ operationId: string }>(path)).operationId;
  }

  async carryOut(kind: Kind, namespace?: string): Promise<void> {
    const end = await operationEnd(this.daemon.api, await this.begin(kind, namespace));
    if (end.state !== 'succeeded') throw new Error(JSON.stringify(end, null, 1));
  }

  /** What there is of the namespace, wherever it may be. */
  async facts(): Promise<object> {
    const { daemon } = this;
    const mine = (name: string): boolean => /\bdemo\b/.test(name);
    const state = decodeStateFile(readFileSync(join(daemon.dir, 'cluster_state.json'), 'utf8'));
    const files = ['services', 'turn-certificates', 'run'].flatMap((folder) =>
      readdirSync(join(daemon.dir, folder)).filter(mine),
    );
    return {
      running: daemon.rows('operations').filter((row) => row['state'] === 'running').length,
      configs: daemon
        .rows('webrtc_configs')
        .filter((row) => row['namespace'] === 'demo')
        .map((row) => row['state']),
      claims: daemon.rows('port_claims').filter((row) => row['namespace'] === 'demo').length,
      stateFile: state.ok && state.state.namespaces.some(({ name }) => name === 'demo'),
      processes: daemon
        .services()
        .map(({ name }) => name)
        .filter(mine)
        .sort(),
      files: files.sort(),
      listeners: this.#listeners(),
      rules: execFileSync('nft', ['list', 'table', 'inet', 'turnkeep'], { encoding: 'utf8' })
        .split('\n')
        .filter(mine)
        .map((line) => line.trim().replace(/ accept comment.*/, '')),
      names: await this.#bind.resolver.resolve4(`turn.ns-demo.${ZONE}`).catch(() => []),
    };
  }

  /** Sockets of the second place of each range; the first is the neighbour's. */
  #listeners(): string[] {
    const lines = execFileSync('ss', ['-Hlntu'], { encoding: 'utf8' }).split('\n');
    const found = lines.flatMap((line) => {
      const [protocol = '', , , , local = ''] = line.split(/\s+/);
      const port = Number(local.slice(local.lastIndexOf(':') + 1));
      const isOurs = [3480, 5351, 30001].includes(port) || (port >= 20500 && port < 21000);
      return isOurs ? [`${protocol} ${local}`] : [];
    });
    return [...new Set(found)].sort();
  }
}

const ON = {
  running: 0,
  configs: ['enabled'],
  claims: 1,
  stateFile: true,
  processes: ['sfu-demo', 'turn-demo'],
  files: [
    'demo.pem',
    'sfu-demo.json',
    'sfu-demo.pid',
    'sfu-demo.sock',
    'turn-demo.json',
    'turn-demo.pid',
    'turn-demo.sock',
  ],
  listeners: [
    `tcp ${OWN}:3480`,
    `tcp ${OWN}:5351`,
    `tcp ${SHIELD}:30001`,
    `udp ${OWN}:3480`,
    `udp ${OWN}:5351`,
    `udp ${SHIELD}:20500`,
  ],
  rules: [
    `ip daddr ${OWN} udp dport 3480`,
    `ip daddr ${OWN} tcp dport 3480`,
    `ip daddr ${OWN} tcp dport 5351`,
    `ip daddr ${OWN} udp dport 5351`,
  ],
  names: [PUBLIC],
};

const OFF = {
  ...{ running: 0, configs: [], claims: 0, stateFile: false, processes: [], files: [] },
  ...{ listeners: [], rules: [], names: [] },
};

/** The whole of it agrees, seen from outside and by the product itself. */
async function check(t: Test, world: World, state: 'enabled' | 'disabled', what: string): Promise<void> {
  t.same(await world.facts(), state === 'enabled' ? ON : OFF, `${what}: ${state}`);
  const status = await world.status();
  t.equal(status.state, state, what);
  const { findings } = await world.daemon.api.get<Inspection>('/v1/inspect');
  const failures = findings.filter(({ severity }) => severity === 'failure');
  t.same(failures, [], `${what}: the inspection`);
  const relay = findings.find(({ check }) => check === 'relay');
  t.match(relay?.sentence, state === 'enabled' ? /^2 relays proven/ : /^1 relay proven/, what);
  const neighbours = world.daemon.services().filter(({ name }) => name.endsWith('-beside'));
  t.same(neighbours, world.neighbours, `${what}: the neighbour's processes are the same`);
}

function nft(rules: string): void {
  execFileSync('nft', ['-f', '-'], { input: `${rules}\n` });
}

/** Hands on what this host sends to the public address, as a router in front of it does, and names lead there. */
function natInFront(folder: string): void {
  execFileSync('ip', ['route', 'add', `${PUBLIC}/32`, 'dev', 'tk0']);
  nft(`table ip nat {
    chain output { type nat hook output priority -100; ip daddr ${PUBLIC} dnat to ${OWN}; }
    chain forward { type filter hook output priority 0; }
  }`);
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, `127.0.0.1 localhost\n${PUBLIC} turn.ns-beside.${ZONE}\n`);
  execFileSync('mount', ['--bind', hosts, '/etc/hosts']);
}

function textOf(kind: Kind, cut: Cut): string {
  return `${kind}, cut before ${cut === 'end' ? 'its end' : `"${cut.step} ${cut.state}"`}`;
}

t.setTimeout(LIMIT_MS);

t.test('the daemon is killed between any two steps', { skip, timeout: LIMIT_MS }, async (t) => {
  const bind = await bindServer(t);
  const world = new World(t, bind);
  const { daemon } = world;
  natInFront(daemon.dir);
  await daemon.start();
  for (const name of ['beside', 'demo']) await daemon.api.post('/v1/namespaces', { name });
  await t.test('two enables at once: one wins', async (t) => {
    const [one, other] = await Promise.allSettled([
      world.begin('enable', 'beside'),
      world.begin('enable', 'beside'),
    ]);
    const [won, lost] = one.status === 'fulfilled' ? [one, other] : [other, one];
    t.match(lost, { status: 'rejected', reason: { status: 409, code: 'operation_in_progress' } });
    const id = won.status === 'fulfilled' ? won.value : '';
    t.match(await operationEnd(daemon.api, id), { state: 'succeeded' });
    t.equal(daemon.rows('operations').length, 1);
  });
  world.neighbours = daemon.services();
  t.equal(world.neighbours.length, 2);

  await t.test(
    'a record that is changed behind its back is found, named, and set anew by command',
    async (t) => {
      const name = `turn.ns-beside.${ZONE}`;
      const inspect = async (): Promise<Inspection['findings']> =>
        (await daemon.api.get<Inspection>('/v1/inspect')).findings.filter(({ check }) => check === 'dns');
      await sendUpdate(bind.keyFile, nsupdateScript({ server: BIND, zone: ZONE, ttlSeconds: 60 }, name, []));
      t.match(await inspect(), [
        {
          severity: 'failure',
          subject: 'beside',
          sentence: `${name} has no address instead of ${PUBLIC}.`,
          remedy: /`turnkeep repair`/,
        },
      ]);
      t.match(await daemon.api.post('/v1/repair'), { ok: true, repairs: [{ what: 'dns', subject: name }] });
      t.same(await bind.resolver.resolve4(name), [PUBLIC]);
      t.match(await inspect(), [{ severity: 'ok' }]);
    },
  );

  await t.test('a NAT that does not hand everything on, and an address that is not of a NAT', async (t) => {
    const address = async (): Promise<object[]> =>
      (await daemon.api.get<Inspection>('/v1/inspect')).findings.filter(({ check }) => check === 'addresses');
    const doctor = async (): Promise<[string, boolean, string | null][]> =>
      (await daemon.api.post<DoctorReport>('/v1/doctor', { probes: 2 })).transports.map(
        ({ transport, ok, sentence }) => [transport, ok, sentence],
      );
    const behind = {
      severity: 'warning',
      sentence: /198\.41\.0\.9 .* must be of a NAT/,
      remedy: /`turnkeep doctor`/,
    };
    t.match(await address(), [behind]);
    t.same(
      (await doctor()).map(([transport, ok]) => [transport, ok]),
      [
        ['udp', true],
        ['tcp', true],
        ['tls', true],
        ['dtls', true],
      ],
    );
    nft(
      `insert rule ip nat forward ip daddr ${OWN} ct original ip daddr ${PUBLIC} tcp dport 3478 reject with tcp reset`,
    );
    const [udp, tcp, tls] = await doctor();
    t.match([udp?.[1], tcp?.[1], tls?.[1]], [true, false, true]);
    t.match(tcp?.[2], /\S+ \S+/, 'it says why');
    execFileSync('ip', ['address', 'add', '198.41.0.20/32', 'dev', 'tk0']);
    t.match(await address(), [
      {
        severity: 'failure',
        sentence:
          'Viewers are sent to 198.41.0.9 (public.addresses), which this host does not have; it has 198.41.0.20.',
        remedy: 'Correct public.addresses, then restart turnkeepd.',
      },
    ]);
    execFileSync('ip', ['address', 'del', '198.41.0.20/32', 'dev', 'tk0']);
    t.match(await address(), [behind]);
  });

  /** Ends with the daemon killed in the midst of the operation. */
  const cutOff = async (kind: Kind, cut: Cut): Promise<void> => {
    if ((await world.status()).state !== START[kind]) {
      await world.carryOut(kind === 'enable' ? 'disable' : 'enable');
    }
    daemon.hold('demo', cut);
    world.begin(kind).catch(() => undefined); // Nobody answers any more.
    await daemon.held('demo', cut);
    await daemon.kill();
    daemon.letGo();
    const left = daemon.journal('demo');
    t.match(left, { kind: `${kind}-webrtc`, state: 'running' }, textOf(kind, cut));
    if (cut !== 'end') t.notOk(left?.steps.includes(`${cut.step} ${cut.state}`), String(left?.steps));
  };

  for (const kind of ['enable', 'disable'] as const) {
    for (const cut of CUTS[kind]) {
      await cutOff(kind, cut);
      await daemon.start();
      const state = kind === 'enable' && cut === 'end' ? 'enabled' : 'disabled';
      await check(t, world, state, textOf(kind, cut));
    }
  }

  for (const { id } of ALL ? ENABLE_PLAN : []) {
    const what = `enable, cut while "${id}" is taken back`;
    await cutOff('enable', { step: 'mark-enabled', state: 'done' });
    const back: Cut = { step: id, state: 'undone' };
    daemon.hold('demo', back);
    daemon.spawn();
    await daemon.held('demo', back);
    await daemon.kill();
    daemon.letGo();
    await daemon.start();
    await check(t, world, 'disabled', what);
  }
});
