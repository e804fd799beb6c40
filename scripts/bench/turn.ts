/**
 * CPU time per relayed packet of our TURN service, Debian's coturn and npm's node-turn: same generator, same
 * packets, paired rounds in one run, server and generator on different cores.
 * `npm run bench -- turn [--quick] [FOLDER...]`: without `--quick` the tables go into daemon/BENCHMARKS.md. A
 * FOLDER is another copy of this repository, as `git worktree add` makes it: an earlier state to compare with.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { issueRestCredential } from '../../daemon/credentials/turn-rest.ts';
import { cpuNanoseconds, residentBytes } from './process-accounts.ts';
import { machine, markdownTable, writeSection } from './report.ts';
import { openFlow } from './turn-flows.ts';
import { buildGenerator, Generator, type Direction, type Load } from './turn-generator.ts';
import { NAMESPACE, PEER_ADDRESS, SECRET, serverKinds, type Place, type ServerKind } from './turn-servers.ts';

const CLIENT_ADDRESS = '127.0.38.3';
const PAYLOAD_BYTES = 1200;
const FLOWS = 4;
/** Far below any socket buffer, the 208 kB of a server that asks for none included. */
const WINDOW = 16;
const LIGHT_RATE = 50_000;
const LOSSLESS_RATE = 225_000;
const MEMORY_ALLOCATIONS = 1000;
/** Each client address may ask so often before it has an allocation. */
const ALLOCATIONS_PER_SOURCE = 100;
const WARM_UP_MS = 500;
/** Of a fixed rate. */
const LEAST_OFFERED = 0.98;
const DIRECTIONS: readonly Direction[] = ['up', 'down', 'both'];

type Row = Record<string, string | number>;
type Scenario = { label: string; load: Load };
type Plan = { rounds: number; roundMs: number; scenarios: Scenario[] };
type Contender = { kind: ServerKind; place: Place; server: ChildProcess; peerPort: number };
type Sample = {
  us: number;
  packetsPerSecond: number;
  offeredPerSecond: number;
  lost: number;
  /** Nothing was lost, and a fixed rate was really offered: a generator that got no CPU proves nothing. */
  counts: boolean;
};

/** The tables of one run. */
export type TurnBench = { relaying: Row[]; lossless: Row[]; memory: Row[]; missing: string[] };

/** Runs the benchmark. @throws Error when a compiler is missing or a server does not start. */
export async function benchTurn(options: { quick: boolean; earlier: readonly string[] }): Promise<TurnBench> {
  const dir = mkdtempSync(join(tmpdir(), 'tk-bench-'));
  const contenders: Contender[] = [];
  try {
    const program = buildGenerator();
    const { kinds, missing } = serverKinds(options.earlier);
    for (const [at, kind] of kinds.entries()) contenders.push(await enter(kind, at, dir));
    const plan = options.quick ? QUICK : FULL;
    const relaying: Row[] = [];
    for (const scenario of plan.scenarios) {
      relaying.push(...(await compare(contenders, scenario, plan, program)));
    }
    const ours = contenders.filter(({ kind }) => kind.up === 'channel-data');
    const lossless: Row[] = [];
    for (const contender of ours) lossless.push(...(await tryRate(contender, plan, program)));
    const memory: Row[] = [];
    for (const contender of ours.filter(({ kind }) => !kind.name.startsWith('coturn'))) {
      memory.push(await weigh(contender, dir));
    }
    return { relaying, lossless, memory, missing };
  } finally {
    for (const { server } of contenders) await ended(server);
    rmSync(dir, { recursive: true, force: true });
  }
}

const saturated = (direction: Direction, burst: number): Scenario => ({
  label: burst === 1 ? 'saturated' : `saturated, bursts of ${burst}`,
  load: { direction, burst, window: WINDOW },
});
const light = (direction: Direction): Scenario => ({
  label: `${LIGHT_RATE / 1000} kpps`,
  load: { direction, burst: 1, rate: LIGHT_RATE },
});
const FULL: Plan = {
  rounds: 5,
  roundMs: 1000,
  scenarios: [
    ...DIRECTIONS.map((direction) => saturated(direction, 1)),
    ...DIRECTIONS.map((direction) => saturated(direction, 8)),
    ...DIRECTIONS.map(light),
  ],
};
const QUICK: Plan = {
  rounds: 2,
  roundMs: 500,
  scenarios: [...DIRECTIONS.map((direction) => saturated(direction, 1)), saturated('both', 8), light('both')],
};

async function enter(kind: ServerKind, at: number, dir: string): Promise<Contender> {
  const place: Place = {
    address: `127.0.38.${10 + at}`,
    minRelayPort: 50_000 + 1500 * at,
    dir,
    credential: issueRestCredential({
      secret: SECRET,
      namespace: NAMESPACE,
      ttlSeconds: 3600,
      nowMs: Date.now(),
    }),
    prefix: pinnedTo(0),
  };
  return { kind, place, server: await kind.start(place), peerPort: 10_000 + 3000 * at };
}

/** A core of its own for the server and for the generator, where there are two. */
function pinnedTo(core: number): string[] {
  return availableParallelism() < 2 ? [] : ['taskset', '-c', String(core)];
}

/** New allocations for each scenario: none comes near the end of its permission. */
async function openGenerator(contender: Contender, program: string): Promise<Generator> {
  const generator = new Generator([...pinnedTo(1), program]);
  for (let count = 0; count < FLOWS; count += 1) {
    contender.peerPort += 1;
    await generator.add(await flowOf(contender, CLIENT_ADDRESS));
  }
  return generator;
}

function flowOf({ kind, place, peerPort }: Contender, clientAddress: string): ReturnType<typeof openFlow> {
  return openFlow({
    ...place.credential,
    server: { address: place.address, port: 3478 },
    // A port of its own for each allocation: one that was used again would get 437.
    client: { address: clientAddress, port: peerPort },
    peer: { address: PEER_ADDRESS, port: peerPort },
    up: kind.up,
    payloadBytes: PAYLOAD_BYTES,
  });
}

async function compare(
  contenders: readonly Contender[],
  { label, load }: Scenario,
  plan: Plan,
  program: string,
): Promise<Row[]> {
  const pairs: { contender: Contender; generator: Generator; samples: Sample[] }[] = [];
  try {
    for (const contender of contenders) {
      pairs.push({ contender, generator: await openGenerator(contender, program), samples: [] });
    }
    for (const { contender, generator } of pairs) await measure(contender, generator, load, WARM_UP_MS);
    for (let round = 0; round < plan.rounds; round += 1) {
      // The order alternates, so that none always runs on the warmer machine.
      for (const one of round % 2 === 0 ? pairs : [...pairs].reverse()) {
        one.samples.push(await measure(one.contender, one.generator, load, plan.roundMs));
      }
    }
  } finally {
    for (const { generator } of pairs) generator.close();
  }
  const theirs = pairs.find(({ contender }) => contender.kind.name.startsWith('coturn'))?.samples;
  return pairs.map(({ contender, samples }): Row => {
    const clean = samples.filter(({ counts }) => counts);
    const costs = clean.map(({ us }) => us).sort((a, b) => a - b);
    const ratios = samples.flatMap((one, at) => {
      const other = theirs?.[at];
      return other?.counts === true && one.counts ? [one.us / other.us] : [];
    });
    return {
      load: label,
      direction: load.direction,
      server: contender.kind.name,
      'us per packet': shown(median(costs)),
      range: costs.length === 0 ? '-' : `${shown(costs[0])} to ${shown(costs.at(-1))}`,
      "times coturn's CPU": samples === theirs ? '1' : shown(median(ratios)),
      'packets/s': Math.round(median(clean.map((one) => one.packetsPerSecond)) ?? 0),
      'clean rounds': `${clean.length} of ${samples.length}`,
    };
  });
}

async function measure(
  { server }: Contender,
  generator: Generator,
  load: Load,
  milliseconds: number,
): Promise<Sample> {
  const before = cpuNanoseconds(pidOf(server));
  const { sent, received, elapsedMs } = await generator.run(load, milliseconds);
  const nanoseconds = cpuNanoseconds(pidOf(server)) - before;
  const offeredPerSecond = (sent / elapsedMs) * 1000;
  const offered = !('rate' in load) || offeredPerSecond >= LEAST_OFFERED * load.rate;
  return {
    us: nanoseconds / 1000 / received,
    packetsPerSecond: (received / elapsedMs) * 1000,
    offeredPerSecond,
    lost: sent - received,
    counts: sent === received && offered,
  };
}

/** What becomes of a fixed rate. */
async function tryRate(contender: Contender, plan: Plan, program: string): Promise<Row[]> {
  const rows: Row[] = [];
  const generator = await openGenerator(contender, program);
  try {
    for (const direction of DIRECTIONS) {
      const samples: Sample[] = [];
      for (let round = 0; round < plan.rounds; round += 1) {
        const load: Load = { direction, burst: 1, rate: LOSSLESS_RATE };
        samples.push(await measure(contender, generator, load, plan.roundMs));
      }
      // Where no round counts, the one that was offered most.
      const shownRound =
        samples.find(({ counts }) => counts) ??
        samples.reduce((best, one) => (one.offeredPerSecond > best.offeredPerSecond ? one : best));
      rows.push({
        server: contender.kind.name,
        direction,
        'offered/s': Math.round(shownRound.offeredPerSecond),
        'relayed/s': Math.round(shownRound.packetsPerSecond),
        lost: shownRound.lost,
        [`rounds at ${LOSSLESS_RATE}/s without loss`]: `${samples.filter(({ counts }) => counts).length} of ${samples.length}`,
      });
    }
  } finally {
    generator.close();
  }
  return rows;
}

/** A fresh process, idle and with all its allocations. */
async function weigh(contender: Contender, dir: string): Promise<Row> {
  const { kind } = contender;
  const place = { ...contender.place, address: '127.0.38.9', minRelayPort: 60_000, dir };
  const fresh: Contender = { kind, place, server: await kind.start(place), peerPort: 20_000 };
  try {
    // node-turn says nothing when it is ready.
    await sleep(1500);
    const idle = residentBytes(pidOf(fresh.server));
    for (let count = 0; count < MEMORY_ALLOCATIONS; count += 1) {
      fresh.peerPort += 1;
      await flowOf(fresh, `127.0.38.${100 + Math.floor(count / ALLOCATIONS_PER_SOURCE)}`);
    }
    const full = residentBytes(pidOf(fresh.server));
    return {
      server: kind.name,
      'idle MB': Math.round(idle / 1e6),
      [`MB with ${MEMORY_ALLOCATIONS} allocations`]: Math.round(full / 1e6),
    };
  } finally {
    await ended(fresh.server);
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the server did not start');
  return child.pid;
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

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function shown(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(2);
}

/** The effective buffers, as the kernel clamps them. */
function bufferLimits(): string {
  const read = (name: string): number =>
    Number(readFileSync(`/proc/sys/net/core/${name}`, 'utf8').trim()) / 1024;
  return `rmem_max ${read('rmem_max')} kB, wmem_max ${read('wmem_max')} kB (4096 kB asked for)`;
}

/** `npm run bench -- turn`: prints the tables; those of a whole run are written down. */
export async function turnCommand(args: readonly string[]): Promise<void> {
  const quick = args.includes('--quick');
  const loadBefore = loadavg()[0] ?? 0;
  const started = performance.now();
  const result = await benchTurn({ quick, earlier: args.filter((one) => !one.startsWith('--')) });
  const seconds = Math.round((performance.now() - started) / 1000);
  for (const line of result.missing) console.log(line);
  for (const table of [result.relaying, result.lossless, result.memory]) console.table(table);
  if (quick) return;
  writeSection('turn', [
    `${machine()}; load average before the run ${loadBefore.toFixed(1)}; ${bufferLimits()}.`,
    `Written by \`${['npm run bench -- turn', ...args].join(' ')}\` in ${seconds} s. Loopback, ${FLOWS} allocations, ${PAYLOAD_BYTES} bytes.`,
    ...result.missing,
    markdownTable(result.relaying),
    markdownTable(result.lossless),
    markdownTable(result.memory),
  ]);
}

if (import.meta.main) await turnCommand(process.argv.slice(2));
