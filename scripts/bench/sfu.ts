/**
 * CPU time per forwarded packet: one 720p camera of 2.5 Mbit/s to many viewers with AEAD_AES_128_GCM, by our
 * media core, by Pion's SRTP library from Debian's packages, by werift's own `sendRtp` loop and by Janus, in paired
 * rounds of one run. Server and load run on different cores; a round that lost a packet does not count.
 */
import type { ChildProcess } from 'node:child_process';
import { loadavg } from 'node:os';
import { buildPionForwarder } from './pion-forwarder.ts';
import { cpuNanoseconds, residentBytes } from './process-accounts.ts';
import { machine, markdownTable, writeSection } from './report.ts';
import { command, end, mark, next, pinned, relay, script, start, wait } from './sfu-children.ts';
import { openJanusNetwork } from './sfu-janus.ts';

const LOADS: readonly number[] = [100];
/** For the delay: more viewers than one core is comfortable with, and the number that memory is compared with. */
const DELAY_VIEWERS = 150;
const FEW_VIEWERS = 50;
const ROUNDS = 5;
const QUICK_ROUNDS = 2;
const DELAY_ROUNDS = 3;
const WARM_UP_MS = 3000;
const ROUND_MS = 5000;
const DRAIN_MS = 1000;

/** One line of the table. */
export type SfuBenchRow = {
  server: string;
  viewers: number;
  /** Median over the rounds without loss. */
  'us per packet': number | string;
  /** Smallest and largest of those rounds. */
  'us range': string;
  'packets per second': number | string;
  /** In all rounds, with packets that were not authentic. */
  lost: number;
  'rounds that count': string;
  /** Median over pairs of clean rounds: its CPU time per packet divided by our media core's. */
  'times our CPU': number | string;
};

/** A server under test: `program` takes the number of viewers and speaks `sfu-protocol.ts` over Node's IPC. */
type Contender = {
  name: string;
  program: readonly string[];
  isProtected: boolean;
  connects: boolean;
  environment?: NodeJS.ProcessEnv;
  /** Stands before the server's and the load's command. */
  prefix?: readonly string[];
  /** It has no counters of its own: what the viewers received is what it forwarded. */
  isCountedByViewers?: boolean;
};
type Sample = {
  packetsPerCpuSecond: number;
  packetsPerSecond: number;
  lost: number;
  /** From sender to viewer, sorted; empty where the viewers are not ours. */
  delaysMs: number[];
  residentBytes: number;
};

/** What the others are divided by. */
const OURS: Contender = {
  name: 'turnkeep',
  program: script('sfu-core-server.ts'),
  isProtected: true,
  connects: false,
};
const OURS_BY_DGRAM: Contender = {
  ...OURS,
  name: 'turnkeep, node:dgram',
  environment: { TURNKEEP_DATAGRAMS: 'dgram' },
};
const WERIFT: Contender = {
  name: 'werift sendRtp, keys cached',
  program: script('sfu-werift-server.ts'),
  isProtected: false,
  connects: true,
};

const JANUS: Omit<Contender, 'name'> = {
  program: script('sfu-janus-server.ts'),
  isProtected: false,
  connects: true,
  isCountedByViewers: true,
};

/** `npm run bench -- sfu [--quick]`; the whole of it writes its section of daemon/BENCHMARKS.md. */
export async function sfuCommand(args: readonly string[]): Promise<void> {
  const isQuick = args.includes('--quick');
  const startMs = performance.now();
  const load = loadavg()[0]!.toFixed(1);
  if (args.includes('--delay')) {
    const delays = await benchDelay();
    console.table(delays);
    writeSection('sfu-delay', [
      `${machine()}; load average before the run ${load}.`,
      'Written by `npm run bench -- sfu --delay`. As above; the delay includes the load generator.',
      markdownTable(delays),
    ]);
    return;
  }
  const rows = await benchSfu(isQuick);
  console.table(rows);
  if (isQuick) return;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  writeSection('sfu', [
    `${machine()}; load average before the run ${load}.`,
    `Written by \`npm run bench -- sfu\` in ${seconds} s. Loopback, AEAD_AES_128_GCM, payloads of 1116 bytes.`,
    markdownTable(rows),
  ]);
}

/** Runs the benchmark. @throws Error when a process does not start or connect in time. */
async function benchSfu(isQuick: boolean): Promise<SfuBenchRow[]> {
  const janus = await openJanusNetwork();
  if ('missing' in janus) console.log(janus.missing);
  const peers: readonly Contender[] = [
    ...pionForwarder(),
    WERIFT,
    ...('missing' in janus ? [] : [{ ...JANUS, name: janus.name, prefix: janus.prefix }]),
  ];
  const rows: SfuBenchRow[] = [];
  const rounds = isQuick ? QUICK_ROUNDS : ROUNDS;
  try {
    for (const viewers of isQuick ? LOADS.slice(0, 1) : LOADS) {
      rows.push(...(await compare([OURS, OURS_BY_DGRAM, ...peers], viewers, rounds)));
    }
  } finally {
    if (!('missing' in janus)) janus.close();
  }
  return rows;
}

/** None, and a sentence on what to install, where it cannot be built. */
function pionForwarder(): readonly Contender[] {
  const pion = buildPionForwarder();
  if (!('missing' in pion)) {
    return [{ name: pion.name, program: [pion.path], isProtected: true, connects: false }];
  }
  console.log(pion.missing);
  return [];
}

/** Delay from the camera to the viewers, and memory of a viewer in the media core. */
async function benchDelay(): Promise<Record<string, string | number>[]> {
  const rows: Record<string, string | number>[] = [];
  for (const contender of [OURS, ...pionForwarder()]) {
    const few = await measure(contender, FEW_VIEWERS);
    const all: Sample[] = [];
    for (let round = 0; round < DELAY_ROUNDS; round += 1) all.push(await measure(contender, DELAY_VIEWERS));
    const part = (share: number): string =>
      round2(
        median(all.map(({ delaysMs }) => delaysMs[Math.floor(delaysMs.length * share)] ?? NaN)) ?? NaN,
      ).toFixed(2);
    console.error(`${DELAY_VIEWERS} viewers, ${contender.name}: p99 ${part(0.99)} ms`);
    const more = median(all.map((one) => one.residentBytes))! - few.residentBytes;
    rows.push({
      server: contender.name,
      viewers: DELAY_VIEWERS,
      'p50 delay ms': part(0.5),
      'p99 delay ms': part(0.99),
      'lost packets': all.map(({ lost }) => lost).join(', '),
      'KB of RSS per viewer': Math.round(more / (DELAY_VIEWERS - FEW_VIEWERS) / 1000),
      rounds: DELAY_ROUNDS,
    });
  }
  return rows;
}

async function compare(
  contenders: readonly Contender[],
  viewers: number,
  rounds: number,
): Promise<SfuBenchRow[]> {
  const samples = contenders.map((): Sample[] => []);
  for (let round = 0; round < rounds; round += 1) {
    // The order alternates, so that none always runs on the warmer machine.
    const order = round % 2 === 0 ? [...contenders.keys()] : [...contenders.keys()].reverse();
    for (const at of order) {
      const sample = await measure(contenders[at]!, viewers);
      samples[at]!.push(sample);
      const cost = round2(1_000_000 / sample.packetsPerCpuSecond);
      console.error(
        `${viewers} viewers, round ${round + 1}, ${contenders[at]!.name}: ${cost} us, ${sample.lost} lost`,
      );
    }
  }
  return contenders.map(({ name }, at) => {
    const ratios = samples[at]!.flatMap((one, index) => {
      const ours = samples[0]![index]!;
      return one.lost + ours.lost > 0 ? [] : [ours.packetsPerCpuSecond / one.packetsPerCpuSecond];
    });
    return row(name, viewers, samples[at]!, median(ratios));
  });
}

function row(name: string, viewers: number, all: readonly Sample[], ratio: number | undefined): SfuBenchRow {
  const clean = all.filter(({ lost }) => lost === 0);
  const costs = clean.map((one) => 1_000_000 / one.packetsPerCpuSecond);
  const perCpu = median(clean.map((one) => one.packetsPerCpuSecond));
  return {
    server: name,
    viewers,
    'us per packet': perCpu === undefined ? '-' : round2(1_000_000 / perCpu),
    'us range': costs.length === 0 ? '-' : `${round2(Math.min(...costs))} to ${round2(Math.max(...costs))}`,
    'packets per second': Math.round(median(clean.map((one) => one.packetsPerSecond)) ?? 0),
    lost: all.reduce((total, { lost }) => total + lost, 0),
    'rounds that count': `${clean.length} of ${all.length}`,
    'times our CPU': ratio === undefined ? 'no clean pair' : round2(ratio),
  };
}

async function measure(contender: Contender, viewers: number): Promise<Sample> {
  const { prefix = [] } = contender;
  const load = start([...prefix, ...pinned(1), ...script('sfu-load.ts')], viewers);
  let server: ChildProcess | undefined;
  try {
    await next(load, 'ready');
    server = start([...prefix, ...pinned(0), ...contender.program], viewers, contender.environment);
    relay(server, load, 'offer');
    relay(load, server, 'answer');
    const connected = contender.connects ? next(server, 'connected') : undefined;
    const { port, pid = server.pid ?? 0 } = await next(server, 'ready');
    await connected;
    command(load, { type: 'publish', port, isProtected: contender.isProtected });
    await wait(WARM_UP_MS);
    const counter = contender.isCountedByViewers === true ? load : server;
    const before = await mark(counter);
    await mark(load);
    const cpuBefore = cpuNanoseconds(pid);
    const startMs = performance.now();
    await wait(ROUND_MS);
    const after = await mark(counter);
    const cpuSeconds = (cpuNanoseconds(pid) - cpuBefore) / 1e9;
    const seconds = (performance.now() - startMs) / 1000;
    const memory = residentBytes(pid);
    command(load, { type: 'stop' });
    await wait(DRAIN_MS);
    const [sent, got] = [await mark(server), await mark(load)];
    const forwarded = after.packets - before.packets;
    return {
      delaysMs: (got.delaysMs ?? []).sort((a, b) => a - b),
      residentBytes: memory,
      packetsPerCpuSecond: forwarded / cpuSeconds,
      packetsPerSecond: forwarded / seconds,
      lost:
        contender.isCountedByViewers === true
          ? got.published * viewers - got.packets
          : // What the camera sent and the server did not see is lost for every viewer.
            Math.max(0, sent.packets - got.packets) +
            (got.published - sent.published) * viewers +
            got.broken +
            sent.broken,
    };
  } finally {
    await end(load);
    if (server !== undefined) await end(server);
  }
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
