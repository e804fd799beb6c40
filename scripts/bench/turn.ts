/**
 * Relayed packets per CPU-second of our TURN process and of Debian's coturn: same client, same packets,
 * paired rounds in one run. `node scripts/bench/turn.ts [FOLDER...]`, or as a part of `npm run bench`. Each
 * FOLDER is another copy of this repository, as `git worktree add` makes it: an earlier state to compare with.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  accessSync,
  constants,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, join, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { DEFAULT_TURN_LIMITS, type TurnServiceConfig } from '../../daemon/contract/turn-config.ts';
import { issueRestCredential } from '../../daemon/credentials/turn-rest.ts';
import type { Direction, LoadOptions, LoadResult } from './turn-load.ts';

const SECRET = 'only for the benchmark run';
const NAMESPACE = 'bench';
const PEER_ADDRESS = '127.0.11.62';
const ROUNDS = 5;
const ROUND_MS = 2000;
const WARM_UP_MS = 1000;
const ALLOCATIONS = 4;
const PAYLOAD_BYTES = 1200;
const REPOSITORY = resolve(import.meta.dirname, '../..');
const DIRECTIONS: readonly Direction[] = ['up', 'down', 'both'];
const START_LIMIT_MS = 30_000;

/** One line of the table. `up` is client to peer as ChannelData. */
export type TurnBenchRow = {
  direction: string;
  server: string;
  /** Median over the rounds without loss. */
  'packets per CPU-second': number | string;
  'us per packet': number | string;
  'packets per second': number | string;
  /** In all rounds; a round that lost something does not count. */
  lost: number;
  /** Median over the pairs of rounds, this server divided by coturn. */
  'times coturn': number | string;
};

type Contender = { name: string; server: ChildProcess; load: ChildProcess; lines: Interface };
type Sample = { packetsPerCpuSecond: number; packetsPerSecond: number; lost: number };

/** Where a contender lives; `repository` is missing for coturn. */
type Place = { name: string; address: string; peerPort: number; minRelayPort: number; repository?: string };

/**
 * Runs the benchmark; without `turnserver` on the PATH only our own figures.
 * @param earlier Folders of other copies of this repository.
 */
export async function benchTurn(earlier: readonly string[] = []): Promise<TurnBenchRow[]> {
  const dir = mkdtempSync(join(tmpdir(), 'tk-bench-'));
  const contenders: Contender[] = [];
  try {
    for (const place of places(earlier)) contenders.push(await enter(place, dir));
    for (const contender of contenders) await measure(contender, 'both', WARM_UP_MS);
    const rows: TurnBenchRow[] = [];
    for (const direction of DIRECTIONS) rows.push(...(await compare(contenders, direction)));
    return rows;
  } finally {
    for (const { server, load } of contenders) {
      load.kill();
      await ended(server);
    }
    rmSync(dir, { recursive: true, force: true });
  }
}

function places(earlier: readonly string[]): Place[] {
  const names = ['turnkeep', ...earlier.map((folder) => basename(resolve(folder)))];
  const found: Omit<Place, 'address' | 'peerPort' | 'minRelayPort'>[] = [REPOSITORY, ...earlier].map(
    (repository, at) => ({ name: names[at] ?? '', repository }),
  );
  if (isInstalled('turnserver')) found.push({ name: 'coturn' });
  return found.map((one, at) => ({
    ...one,
    address: `127.0.11.${60 + at}`,
    peerPort: 21_000 + 1000 * at,
    minRelayPort: 53_000 + 100 * at,
  }));
}

async function compare(contenders: readonly Contender[], direction: Direction): Promise<TurnBenchRow[]> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    // The order alternates, so that neither always runs on the warmer machine.
    for (const contender of round % 2 === 0 ? contenders : [...contenders].reverse()) {
      samples.get(contender.name)?.push(await measure(contender, direction, ROUND_MS));
    }
  }
  const theirs = samples.get('coturn') ?? [];
  return contenders.map(({ name }): TurnBenchRow => {
    const all = samples.get(name) ?? [];
    const clean = all.filter(({ lost }) => lost === 0);
    const perCpu = median(clean.map((one) => one.packetsPerCpuSecond));
    const ratio = median(
      all.flatMap((one, at) => {
        const other = theirs[at];
        return other === undefined || one.lost + other.lost > 0
          ? []
          : [one.packetsPerCpuSecond / other.packetsPerCpuSecond];
      }),
    );
    return {
      direction,
      server: name,
      'packets per CPU-second': perCpu === undefined ? 'lost packets' : Math.round(perCpu),
      'us per packet': perCpu === undefined ? '-' : round2(1_000_000 / perCpu),
      'packets per second': Math.round(median(clean.map((one) => one.packetsPerSecond)) ?? 0),
      lost: all.reduce((total, { lost }) => total + lost, 0),
      'times coturn': name === 'coturn' ? 1 : ratio === undefined ? 'no coturn' : round2(ratio),
    };
  });
}

async function measure(contender: Contender, direction: Direction, milliseconds: number): Promise<Sample> {
  const { server, load, lines } = contender;
  const before = cpuNanoseconds(server);
  load.stdin?.write(`${direction} ${milliseconds}\n`);
  const result = JSON.parse(await nextLine(lines, contender.name)) as LoadResult;
  const cpuSeconds = (cpuNanoseconds(server) - before) / 1e9;
  return {
    packetsPerCpuSecond: result.received / cpuSeconds,
    packetsPerSecond: (result.received / result.elapsedMs) * 1000,
    lost: result.sent - result.received,
  };
}

/** Starts a server and its load generator. */
async function enter(place: Place, dir: string): Promise<Contender> {
  const { name, address, peerPort, repository } = place;
  const server =
    repository === undefined ? startCoturn(place, dir) : await startTurnkeep(place, repository, dir);
  const { username, password } = issueRestCredential({
    secret: SECRET,
    namespace: NAMESPACE,
    ttlSeconds: 3600,
    nowMs: Date.now(),
  });
  const options: LoadOptions = {
    server: { address, port: 3478 },
    username,
    password,
    peerAddress: PEER_ADDRESS,
    peerPort,
    allocations: ALLOCATIONS,
    payloadBytes: PAYLOAD_BYTES,
  };
  for (let attempt = 1; ; attempt += 1) {
    const load = spawn(
      process.execPath,
      [join(import.meta.dirname, 'turn-load.ts'), JSON.stringify(options)],
      {
        stdio: ['pipe', 'pipe', attempt === 5 ? 'inherit' : 'ignore'],
      },
    );
    const lines = createInterface({ input: load.stdout });
    try {
      await nextLine(lines, name);
      return { name, server, load, lines };
    } catch (error) {
      // coturn says nothing when it is ready: a load generator that finds nobody is started again.
      load.kill();
      if (attempt < 5) continue;
      await ended(server);
      throw error;
    }
  }
}

async function startTurnkeep(place: Place, repository: string, dir: string): Promise<ChildProcess> {
  const { name, address, minRelayPort } = place;
  const config: TurnServiceConfig = {
    version: 1,
    namespace: NAMESPACE,
    realm: 'bench',
    listeners: [{ transport: 'udp', address, port: 3478 }],
    relay: { addresses: [address], minPort: minRelayPort, maxPort: minRelayPort + 99 },
    peers: { scope: 'sfu', allow: [{ address: PEER_ADDRESS, minPort: 20_000, maxPort: 29_999 }] },
    secrets: [{ id: 'bench', secret: SECRET }],
    limits: DEFAULT_TURN_LIMITS,
    rfc5766Channels: false,
    controlSocket: join(dir, `${name}.sock`),
  };
  const file = join(dir, `${name}.json`);
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  const service = join(repository, 'daemon/turn-service.ts');
  const child = spawn(process.execPath, [service, '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(reject, START_LIMIT_MS, new Error('the TURN service is not ready in time'));
    lines.on('line', (line) => {
      if (line !== '{"ready":true}') return;
      clearTimeout(timer);
      resolve();
    });
    child.once('close', () => {
      reject(new Error('the TURN service ended'));
    });
  });
  return child;
}

/** One relay thread, as our process has one; everything it does not need here is off. */
function startCoturn(place: Place, dir: string): ChildProcess {
  const { address, minRelayPort } = place;
  const file = join(dir, 'coturn.conf');
  const lines = [
    `listening-ip=${address}`,
    'listening-port=3478',
    `relay-ip=${address}`,
    `min-port=${minRelayPort}`,
    `max-port=${minRelayPort + 99}`,
    'relay-threads=1',
    'use-auth-secret',
    `static-auth-secret=${SECRET}`,
    'realm=bench',
    'allow-loopback-peers',
    'no-tls',
    'no-dtls',
    'no-cli',
    'no-tcp',
    'no-rfc5780',
    'log-file=/dev/null',
    `pidfile=${join(dir, 'coturn.pid')}`,
    `userdb=${join(dir, 'coturn.sqlite')}`,
  ];
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  return spawn('turnserver', ['-c', file], { stdio: 'ignore' });
}

/** Run time of all threads, from the scheduler's own accounting. */
function cpuNanoseconds(child: ChildProcess): number {
  const tasks = `/proc/${child.pid}/task`;
  return readdirSync(tasks).reduce((total, task) => {
    const [runNs = '0'] = readFileSync(join(tasks, task, 'schedstat'), 'utf8').split(' ');
    return total + Number(runNs);
  }, 0);
}

function nextLine(lines: Interface, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer);
      lines.off('line', onLine);
      lines.off('close', onClose);
    };
    const onLine = (line: string): void => {
      finish();
      resolve(line);
    };
    const onClose = (): void => {
      finish();
      reject(new Error(`${name}: the load generator ended`));
    };
    const timer = setTimeout(() => {
      finish();
      reject(new Error(`${name}: the load generator is silent`));
    }, START_LIMIT_MS);
    lines.on('line', onLine);
    lines.on('close', onClose);
  });
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('close', () => {
      resolve();
    });
    child.kill();
  });
}

function isInstalled(tool: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

if (import.meta.main) console.table(await benchTurn(process.argv.slice(2)));
