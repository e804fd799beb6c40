/**
 * `npm run bench -- late` and `-- storm`: how long a viewer waits for a whole frame, by TURN only, from a camera
 * that ignores wishes for key frames (one in two seconds), beside LiveKit. Times, not CPU: they hold on a quiet machine.
 */
import { loadavg } from 'node:os';
import { contenders, Load, median, type Contender, type Said, type Work } from './relay-only.ts';
import { machine, markdownTable, writeSection } from './report.ts';

const ROUNDS = { late: 1, storm: 3 };
const VIEWERS = { late: 8, storm: 50 };
const SAY_LIMIT_MS = 60_000;

/** A viewer joins one second after a key frame, eight times one after another. */
export function lateCommand(args: readonly string[]): Promise<void> {
  return joins('late', args, (name, said) => {
    const column = (key: string): number[] => said.map((one) => Number(one[key])).sort((a, b) => a - b);
    const frames = column('frameMs');
    return {
      server: name,
      'connected ms': shown(median(column('connectedMs'))),
      'first packet ms': shown(median(column('packetMs'))),
      'whole frame ms': shown(median(frames)),
      'p95 ms': shown(frames[Math.ceil(frames.length * 0.95) - 1]),
      range: `${shown(frames[0])} to ${shown(frames.at(-1))}`,
      joins: frames.length,
    };
  });
}

/** Fifty viewers join within one second. */
export function stormCommand(args: readonly string[]): Promise<void> {
  return joins('storm', args, (name, said) => {
    const column = (key: string): number[] => said.map((one) => Number(one[key])).sort((a, b) => a - b);
    const all = column('allMs');
    return {
      server: name,
      'all have a frame ms': shown(median(all)),
      range: `${shown(all[0])} to ${shown(all.at(-1))}`,
      'median viewer ms': shown(median(column('medianMs'))),
      'key frames asked of the camera': column('wishes').join(', '),
      storms: all.length,
    };
  });
}

async function joins(
  work: Exclude<Work, 'pair'>,
  args: readonly string[],
  row: (name: string, said: readonly Said[]) => Record<string, string | number>,
): Promise<void> {
  const isQuick = args.includes('--quick');
  const startMs = performance.now();
  const load = loadavg()[0]!.toFixed(1);
  const isAlone = args.includes('--alone');
  const all = contenders({ alone: isAlone });
  const said = all.map((): Said[] => []);
  for (let round = 0; round < (isQuick ? 1 : ROUNDS[work]); round += 1) {
    const order = round % 2 === 0 ? [...all.keys()] : [...all.keys()].reverse();
    for (const at of order) {
      try {
        said[at]!.push(...(await measure(all[at]!, work)));
      } catch (error) {
        console.error(`${work}, round ${round + 1}, ${all[at]!.name}: ${String(error)}`);
      }
    }
  }
  const rows = all.map(({ name }, at) => row(name, said[at]!));
  console.table(rows);
  if (isQuick || isAlone) return;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  writeSection(work, [
    `${machine()}; load average before the run ${load}.`,
    `Written by \`npm run bench -- ${work}\` in ${seconds} s. Relay-only; the camera sends a key frame in two seconds and answers no wish.`,
    markdownTable(rows),
  ]);
}

async function measure(contender: Contender, work: Exclude<Work, 'pair'>): Promise<Said[]> {
  const server = await contender.start();
  const load = new Load(contender, server, work, VIEWERS[work]);
  const said: Said[] = [];
  try {
    for (let left = work === 'late' ? VIEWERS.late : 1; left > 0; left -= 1) {
      const one = await load.next(SAY_LIMIT_MS);
      console.error(`${work}, ${contender.name}: ${JSON.stringify(one)}`);
      said.push(one);
    }
  } finally {
    await load.stop();
    await server.stop();
  }
  return said;
}

function shown(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '-' : value.toFixed(0);
}
