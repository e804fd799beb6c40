/**
 * CPU time per forwarded packet: one 720p camera of 2.5 Mbit/s to many viewers with AEAD_AES_128_GCM, by our
 * media core, by Pion's SRTP library from Debian's packages and by werift's own `sendRtp` loop, in paired rounds
 * of one run. Server and load run on different cores; a round that lost a packet does not count.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { residentBytes } from './process-accounts.ts';
import { buildPionForwarder } from './pion-forwarder.ts';
import { machine, markdownTable, writeSection } from './report.ts';
import type { Command, Message } from './sfu-protocol.ts';

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
const START_LIMIT_MS = 120_000;

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
  const pion = buildPionForwarder();
  if ('missing' in pion) console.log(pion.missing);
  const peers: readonly Contender[] =
    'missing' in pion
      ? [WERIFT]
      : [{ name: pion.name, program: [pion.path], isProtected: true, connects: false }, WERIFT];
  const rows: SfuBenchRow[] = [];
  const rounds = isQuick ? QUICK_ROUNDS : ROUNDS;
  for (const viewers of isQuick ? LOADS.slice(0, 1) : LOADS) {
    rows.push(...(await compare([OURS, OURS_BY_DGRAM, ...peers], viewers, rounds)));
  }
  return rows;
}

/** Delay from the camera to the viewers, and memory of a viewer in the media core. */
async function benchDelay(): Promise<Record<string, string | number>[]> {
  const pion = buildPionForwarder();
  const peers: readonly Contender[] =
    'missing' in pion ? [] : [{ name: pion.name, program: [pion.path], isProtected: true, connects: false }];
  const rows: Record<string, string | number>[] = [];
  for (const contender of [OURS, ...peers]) {
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
  const load = start(script('sfu-load.ts'), viewers, 1);
  let server: ChildProcess | undefined;
  try {
    await next(load, 'ready');
    server = start(contender.program, viewers, 0, contender.environment);
    relay(server, load, 'offer');
    relay(load, server, 'answer');
    const connected = contender.connects ? next(server, 'connected') : undefined;
    const { port } = await next(server, 'ready');
    await connected;
    command(load, { type: 'publish', port, isProtected: contender.isProtected });
    await wait(WARM_UP_MS);
    const before = await mark(server);
    await mark(load);
    const cpuBefore = cpuNanoseconds(server);
    const startMs = performance.now();
    await wait(ROUND_MS);
    const after = await mark(server);
    const cpuSeconds = (cpuNanoseconds(server) - cpuBefore) / 1e9;
    const seconds = (performance.now() - startMs) / 1000;
    const memory = residentBytes(server.pid ?? 0);
    command(load, { type: 'stop' });
    await wait(DRAIN_MS);
    const [sent, got] = [await mark(server), await mark(load)];
    const forwarded = after.packets - before.packets;
    return {
      delaysMs: (got.delaysMs ?? []).sort((a, b) => a - b),
      residentBytes: memory,
      packetsPerCpuSecond: forwarded / cpuSeconds,
      packetsPerSecond: forwarded / seconds,
      // What the camera sent and the server did not see is lost for every viewer.
      lost:
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

/** The command line of a script beside this file. */
function script(name: string): readonly string[] {
  return [process.execPath, fileURLToPath(new URL(name, import.meta.url))];
}

/** Starts a program on one core, where the machine has several and `taskset`. */
function start(
  line: readonly string[],
  viewers: number,
  core: number,
  environment: NodeJS.ProcessEnv = {},
): ChildProcess {
  const pinned = availableParallelism() > 1 ? ['taskset', '-c', String(core)] : [];
  const [program, ...args] = [...pinned, ...line, String(viewers)];
  return spawn(program, args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, ...environment, NODE_NO_WARNINGS: '1' },
  });
}

function next<Type extends Message['type']>(
  child: ChildProcess,
  type: Type,
): Promise<Extract<Message, { type: Type }>> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    const onMessage = (message: Message): void => {
      if (message.type !== type) return;
      done();
      resolve(message as Extract<Message, { type: Type }>);
    };
    const onExit = (code: number | null): void => {
      done();
      reject(new Error(`A process of the benchmark ended with ${code} before "${type}"`));
    };
    const timer = setTimeout(() => {
      done();
      reject(new Error(`No "${type}" within ${START_LIMIT_MS / 1000} s`));
    }, START_LIMIT_MS);
    child.on('message', onMessage);
    child.on('exit', onExit);
  });
}

function relay(from: ChildProcess, to: ChildProcess, type: 'offer' | 'answer'): void {
  from.on('message', (message: Message) => {
    if (message.type === 'offer' || message.type === 'answer') {
      if (message.type === type) command(to, message);
    }
  });
}

function command(child: ChildProcess, what: Command): void {
  if (child.connected) child.send(what);
}

async function mark(child: ChildProcess): Promise<Extract<Message, { type: 'mark' }>> {
  const answer = next(child, 'mark');
  command(child, { type: 'mark' });
  return answer;
}

/** CPU time of all threads, from the kernel's accounting. */
function cpuNanoseconds(child: ChildProcess): number {
  const tasks = `/proc/${child.pid}/task`;
  return readdirSync(tasks).reduce(
    (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    0,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  child.kill('SIGKILL');
  await ended;
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
