/**
 * The port ledger of the real daemon: ports of strangers are passed over and told, the last place is given away, and
 * the namespace that does not fit is refused by name.
 *
 * TURNKEEP_TEST_NAMESPACES=20 (`npm run test:twenty`) fills a host with the default ranges instead, and prints what
 * it takes.
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { Operation } from '../../contract/api.ts';
import type { Inspection, PortMap } from '../../contract/diagnosis.ts';
import { Appliance } from '../helpers/appliance.ts';

const FILL = Number(process.env['TURNKEEP_TEST_NAMESPACES'] ?? 0);
const ADDRESS = '127.0.74.31';
/** Places for three. */
const PORTS = {
  sfuSignaling: { minPort: 26000, maxPort: 26002 },
  sfuMedia: { minPort: 26100, maxPort: 26159 },
  sfuMediaPerNamespace: 20,
  turnRelay: { minPort: 26200, maxPort: 26349 },
  turnRelayPerNamespace: 50,
  turn: { minPort: 26500, maxPort: 26505 },
  turns: { minPort: 26520, maxPort: 26525 },
};

async function cli(appliance: Appliance, ...args: string[]): Promise<string> {
  const argv = ['cli/turnkeep.ts', '--socket', appliance.api.socketPath, ...args];
  return (await promisify(execFile)(process.execPath, argv, { timeout: 60_000 })).stdout;
}

/** Resolves with the operation when it has ended. */
async function enable(appliance: Appliance, name: string): Promise<Operation> {
  const path = `/v1/namespaces/${name}/webrtc/enable`;
  return appliance.operation((await appliance.api.post<{ operationId: string }>(path)).operationId);
}

/** Holds one port of each kind, on the second place. @returns what lets them go. */
async function stranger(t: Test): Promise<() => Promise<void>> {
  const streams = [26001, 26502, 26522].map((port) => createServer().listen(port, ADDRESS));
  await Promise.all(streams.map((server) => once(server, 'listening')));
  const datagrams = [26120, 26250, 26251, 26252].map((port) => createSocket('udp4').bind(port, ADDRESS));
  await Promise.all(datagrams.map((socket) => once(socket, 'listening')));
  const go = async (): Promise<void> => {
    const closed = [...streams, ...datagrams].map((one) => once(one, 'close'));
    for (const one of [...streams.splice(0), ...datagrams.splice(0)]) one.close();
    await Promise.all(closed);
  };
  t.teardown(go);
  return go;
}

if (FILL === 0) void t.test('strangers on the ports, and no place left', strangers);
else void t.test('a full host with the default ranges', fullHost);

async function strangers(t: Test): Promise<void> {
  const appliance = await Appliance.start(t, ADDRESS, { ports: PORTS });
  const { api } = appliance;
  for (const name of ['a', 'b', 'c', 'late']) await api.post('/v1/namespaces', { name });
  const goAway = await stranger(t);

  const both = await Promise.all([enable(appliance, 'a'), enable(appliance, 'b')]);
  t.same(
    both.map(({ state }) => state),
    ['succeeded', 'succeeded'],
  );
  const notes = both.map(({ steps }) => steps.find(({ id }) => id === 'claim-ports')?.note ?? '').join(' ');
  const who = String.raw`another program \(node port-ledger\.test\.ts, process ${String(process.pid)}\) holds it\.`;
  t.match(
    notes,
    new RegExp(`SFU signaling port 26001 \\(tcp\\) cannot be bound on 127\\.0\\.74\\.31: ${who}`),
  );
  t.match(notes, new RegExp(`TURN port 26502 \\(tcp\\) cannot be bound on 127\\.0\\.74\\.31: ${who}`));
  t.match(notes, new RegExp(`TURNS port 26522 \\(tcp\\) cannot be bound on 127\\.0\\.74\\.31: ${who}`));
  t.match(notes, /SFU media block 26120-26139 is passed over: other programs .* hold 1 of its ports\./);
  t.match(notes, /TURN relay block 26250-26299 is passed over: other programs .* hold 3 of its ports\./);

  const refused = await enable(appliance, 'c');
  t.match(refused, { state: 'failed', error: { code: 'ports_exhausted' } });
  t.match(refused.error?.message, /all 3 of the configured range are in use.*26001 \(tcp\) cannot be bound/s);
  t.match(await appliance.status('c'), { state: 'disabled', ports: null }, 'nothing is left of it');

  await goAway();
  t.match(await enable(appliance, 'c'), { state: 'succeeded' });
  await t.rejects(api.post('/v1/namespaces/late/webrtc/enable'), {
    status: 503,
    code: 'ports_exhausted',
    message:
      'No SFU signaling port is free: all 3 of the configured range are in use. Widen the range or disable WebRTC for another namespace.',
  });

  const map = await api.get<PortMap>('/v1/ports');
  t.equal(map.freePlaces, 0);
  const by = (pick: (one: PortMap['namespaces'][number]) => number): number[] =>
    map.namespaces.map(pick).sort();
  t.same(
    by(({ ports }) => ports.turn),
    [26500, 26502, 26504],
  );
  t.same(
    by(({ ports }) => ports.turns),
    [26520, 26522, 26524],
  );
  t.same(
    by(({ ports }) => ports.sfuSignaling),
    [26000, 26001, 26002],
  );
  t.same(
    by(({ ports }) => ports.sfuMedia.minPort),
    [26100, 26120, 26140],
  );
  t.same(
    by(({ ports }) => ports.turnRelay.minPort),
    [26200, 26250, 26300],
  );
  const shown = await cli(appliance, 'ports');
  t.match(shown, /TURN relay block +26200-26349 +50 +3 +0\n/);
  t.match(shown, /\nc +26502 +26522 +26250-26299 +26120-26139 +26001 +udp 127\.0\.74\.31 26502, tcp /);
  t.match(shown, /\n0 more namespaces fit\.\n$/);
}

async function fullHost(t: Test): Promise<void> {
  const appliance = await Appliance.start(t, ADDRESS);
  const { api } = appliance;
  const names = Array.from({ length: FILL }, (_, at) => `cam-${String(at + 1)}`);
  for (const name of [...names, 'late']) await api.post('/v1/namespaces', { name });
  const times: number[] = [];
  for (const name of names) {
    const startedMs = performance.now();
    const { state, error } = await enable(appliance, name);
    t.equal(state, 'succeeded', `${name} ${error?.message ?? ''}`);
    times.push(performance.now() - startedMs);
  }
  await t.rejects(api.post('/v1/namespaces/late/webrtc/enable'), {
    code: 'ports_exhausted',
    message: /^No SFU media block is free: all 20 of the configured range are in use\./,
  });
  const map = await api.get<PortMap>('/v1/ports');
  t.equal(map.freePlaces, 0);
  t.equal(map.namespaces.length, FILL);
  t.ok(
    map.namespaces.every(({ listeners }) => listeners.every(({ open }) => open)),
    'every listener is open',
  );
  const beganMs = performance.now();
  const { ok, findings } = await api.get<Inspection>('/v1/inspect');
  t.ok(ok, JSON.stringify(findings.filter(({ severity }) => severity === 'failure')));
  t.match(
    findings.find(({ check }) => check === 'relay')?.sentence,
    new RegExp(`^${String(FILL)} relays proven`),
  );
  const inspectMs = performance.now() - beganMs;
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  const memory = memoryOf(appliance.dir);
  t.comment(
    `${String(FILL)} namespaces: enable ${seconds(times[0] ?? 0)} s (first), ${seconds(times.at(-1) ?? 0)} s (last), ${seconds(times.reduce((sum, one) => sum + one, 0))} s (all); inspection ${seconds(inspectMs)} s; ${String(memory.processes)} service processes, ${memory.mebibytes.toFixed(0)} MiB (proportional)`,
  );
  const restartedMs = performance.now();
  process.kill(appliance.daemon.pid ?? 0, 'SIGKILL');
  await appliance.until('every namespace is back', async () => {
    const { items } = await api.get<{ items: { webrtc: string }[] }>('/v1/namespaces');
    return items.filter(({ webrtc }) => webrtc === 'enabled').length === FILL;
  });
  t.comment(`the daemon killed, all adopted after ${seconds(performance.now() - restartedMs)} s`);
  t.same(
    (await api.get<PortMap>('/v1/ports')).namespaces.map(({ ports }) => ports),
    map.namespaces.map(({ ports }) => ports),
  );
}

/** Of the services below a data directory; memory that processes share is counted once. */
function memoryOf(dir: string): { processes: number; mebibytes: number } {
  let processes = 0;
  let kibibytes = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    try {
      if (!readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(`${dir}/services/`)) continue;
      kibibytes += Number(/^Pss: +([0-9]+)/m.exec(readFileSync(`/proc/${entry}/smaps_rollup`, 'utf8'))?.[1]);
      processes += 1;
    } catch {
      // It has ended meanwhile.
    }
  }
  return { processes, mebibytes: kibibytes / 1024 };
}
