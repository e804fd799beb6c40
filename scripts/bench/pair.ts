/**
 * `npm run bench -- pair`: what a camera viewer really costs. One 720p camera of 2.5 Mbit/s to 100 viewers, all of
 * them by TURN only: CPU time of all server processes together per packet that reached a viewer, beside LiveKit.
 */
import { loadavg } from 'node:os';
import { contenders, Load, median, type Contender } from './relay-only.ts';
import { machine, markdownTable, writeSection } from './report.ts';

const ROUNDS = 3;
const QUICK_ROUNDS = 1;
const VIEWERS: readonly number[] = [100, 20];
const ROUND_MS = 8000;
/** After the last picture came: V8 compiles what it finds busy, and the ends have stopped asking for what was lost. */
const WARM_UP_MS = 6000;
/** Joining, and waiting for a picture each. */
const READY_LIMIT_MS = 90_000;
const COUNT_LIMIT_MS = 30_000;
/** A round with more loss says what a starved machine does. */
const MAX_LOSS = 0.01;

type Sample = {
  usPerPacket: number;
  parts: Record<string, number>;
  loss: number;
  delayMs99: number;
  megabytes: number;
  /** What camera and viewers added, by viewer. */
  megabytesPerViewer: number;
};

/**
 * @param args `--quick`: one round with the first number of viewers, nothing is written. `--viewers N`: only so many,
 * for a machine on which the load generator starves with a hundred.
 */
export async function pairCommand(args: readonly string[]): Promise<void> {
  const isQuick = args.includes('--quick');
  const wanted = args.includes('--viewers') ? [Number(args[args.indexOf('--viewers') + 1])] : VIEWERS;
  const startMs = performance.now();
  const load = loadavg()[0]!.toFixed(1);
  const isAlone = args.includes('--alone');
  const all = contenders({ alone: isAlone });
  const rows: Record<string, string | number>[] = [];
  for (const viewers of isQuick ? wanted.slice(0, 1) : wanted) {
    rows.push(...(await compare(all, viewers, isQuick ? QUICK_ROUNDS : ROUNDS)));
  }
  console.table(rows);
  if (isQuick || isAlone) return;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  writeSection('pair', [
    `${machine()}; load average before the run ${load}.`,
    `Written by \`npm run bench -- pair\` in ${seconds} s. Relay-only, one camera of 2.5 Mbit/s, rounds of ${ROUND_MS / 1000} s after ${WARM_UP_MS / 1000} s.`,
    markdownTable(rows),
  ]);
}

async function compare(
  all: readonly Contender[],
  viewers: number,
  rounds: number,
): Promise<Record<string, string | number>[]> {
  const samples = all.map((): (Sample | undefined)[] => []);
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? [...all.keys()] : [...all.keys()].reverse();
    for (const at of order) samples[at]!.push(await attempt(all[at]!, viewers, round));
  }
  const isClean = (one: Sample | undefined): one is Sample => one !== undefined && one.loss <= MAX_LOSS;
  return all.map(({ name }, at) => {
    const clean = samples[at]!.filter(isClean);
    const ratios = samples[at]!.flatMap((one, round) => {
      const peer = samples.at(-1)![round];
      return isClean(one) && isClean(peer) ? [one.usPerPacket / peer.usPerPacket] : [];
    });
    const costs = clean.map(({ usPerPacket }) => usPerPacket);
    const shown = (value: number | undefined, digits = 2): string => value?.toFixed(digits) ?? '-';
    return {
      server: name,
      viewers,
      'us per delivered packet': shown(median(costs)),
      range: clean.length === 0 ? '-' : `${shown(Math.min(...costs))} to ${shown(Math.max(...costs))}`,
      'of it': Object.keys(clean[0]?.parts ?? {})
        .map((part) => `${part} ${shown(median(clean.map(({ parts }) => parts[part]!)), 1)}`)
        .join(', '),
      'times the CPU of LiveKit': all.length > 1 ? shown(median(ratios)) : '-',
      'p99 delay ms': shown(median(clean.map(({ delayMs99 }) => delayMs99)), 0),
      'MB with viewers': shown(median(clean.map(({ megabytes }) => megabytes)), 0),
      'MB per viewer': shown(median(clean.map(({ megabytesPerViewer }) => megabytesPerViewer))),
      'rounds that count': `${clean.length} of ${rounds}`,
    };
  });
}

async function attempt(contender: Contender, viewers: number, round: number): Promise<Sample | undefined> {
  const label = `${viewers} viewers, round ${round + 1}, ${contender.name}`;
  try {
    const sample = await measure(contender, viewers);
    const loss = (sample.loss * 100).toFixed(2);
    console.error(
      `${label}: ${sample.usPerPacket.toFixed(2)} us, ${loss} % lost ${JSON.stringify(sample.parts)}`,
    );
    return sample;
  } catch (error) {
    console.error(`${label}: ${String(error)}`);
    return undefined;
  }
}

async function measure(contender: Contender, viewers: number): Promise<Sample> {
  const server = await contender.start();
  const emptyBytes = server.residentBytes();
  const load = new Load(contender, server, 'pair', viewers);
  try {
    await load.next(READY_LIMIT_MS);
    await new Promise((done) => setTimeout(done, WARM_UP_MS));
    load.tell('begin');
    const before = server.cpuNanoseconds();
    await new Promise((done) => setTimeout(done, ROUND_MS));
    const after = server.cpuNanoseconds();
    load.tell('end');
    const bytes = server.residentBytes();
    const megabytes = bytes / 1e6;
    const counted = await load.next(COUNT_LIMIT_MS);
    const received = Number(counted['received']);
    const parts = Object.fromEntries(
      Object.entries(after).map(([part, end]) => [part, (end - before[part]!) / 1000 / received]),
    );
    return {
      usPerPacket: Object.values(parts).reduce((sum, one) => sum + one, 0),
      parts,
      loss: 1 - received / (Number(counted['offered']) * viewers),
      delayMs99: Number(counted['delayMs99']),
      megabytes,
      megabytesPerViewer: (bytes - emptyBytes) / 1e6 / viewers,
    };
  } finally {
    await load.stop();
    await server.stop();
  }
}
