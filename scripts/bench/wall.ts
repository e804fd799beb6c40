/**
 * `npm run bench -- wall` (root, Debian's systemd-container and debootstrap): two namespaces of an installed appliance in a
 * booted box, a camera and a viewer by relay in each. One namespace is exhausted, of one thing after the other; what both viewers see
 * is measured frame by frame. Writes the section "wall" of daemon/BENCHMARKS.md.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { turnCredentialsSchema } from '../../daemon/contract/ice.ts';
import { BlastWall, type Row } from '../../daemon/test/testbed/blast-wall.ts';
import { bootBox, BOX_ADDRESS, type Box } from '../../daemon/test/testbed/box.ts';
import { makeBundle } from '../../daemon/test/testbed/bundle.ts';
import { exhaust, relieve, type Exhausted } from '../../daemon/test/testbed/exhaustion.ts';
import { enable, untilServed } from '../../daemon/test/testbed/installed-box.ts';
import { machine, markdownTable, writeSection } from './report.ts';

const NAMES = { exhausted: 'mad', other: 'calm' };
const EACH_MS = 10_000;
const STRANGERS = join(import.meta.dirname, '../../daemon/test/testbed/strangers.ts');
/** Of 16 allocations each: a namespace may hold 700. */
const PEOPLE = 45;

type Told = Row & { note: string };

export async function wallCommand(args: readonly string[]): Promise<void> {
  const startedMs = performance.now();
  const load = loadavg()[0]!.toFixed(1);
  const undo: (() => unknown)[] = [];
  const scope = { teardown: (fn: () => unknown) => void undo.unshift(fn) };
  try {
    const box = await install(scope);
    const directory = mkdtempSync(join(tmpdir(), 'wall-'));
    scope.teardown(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    const wall = await BlastWall.start(box, NAMES, directory);
    const rows: Told[] = [];
    const measure = async (what: string, act?: () => Promise<string>): Promise<void> => {
      await wall.untilCalm();
      let note = '';
      const row = await wall.during(what, EACH_MS, async () => {
        note = (await act?.()) ?? '';
      });
      rows.push({ ...row, note });
      console.log(JSON.stringify(rows.at(-1)));
    };
    await measure('nothing');
    for (const what of ['memory', 'tasks', 'cpu'] as const) {
      await measure(SENTENCES[what], () => inside(wall, what));
      await relieve(box, what);
    }
    await box.sh(`turnkeep namespace quota -n ${NAMES.exhausted} --cpu 50%`);
    await measure('CPU: four busy loops, held to half a core', () => inside(wall, 'cpu'));
    await relieve(box, 'cpu');
    await box.sh(`turnkeep namespace quota -n ${NAMES.exhausted} --cpu default`);
    await measure('ports: Allocates until each is refused', () => allPorts(wall));
    await measure('connections: 20 hosts, each one a millisecond, TCP', () => flood(wall, 'turn'));
    await measure('connections: the same, TLS port', () => flood(wall, 'turns'));
    await measure('kill -9 of the daemon', async () => {
      await box.sh('systemctl kill --signal=KILL turnkeepd');
      return 'both pictures';
    });
    if (args.includes('--quick')) return;
    writeSection('wall', [
      `${machine()}; load average before the run ${load}.`,
      `Written by \`npm run bench -- wall\` in ${String(Math.round((performance.now() - startedMs) / 1000))} s.`,
      markdownTable(rows.map(shown)),
    ]);
  } finally {
    for (const one of undo) await one();
  }
}

const SENTENCES: Record<Exhausted, string> = {
  memory: 'memory: 256 MiB, the kernel ends TURN and SFU first',
  tasks: 'tasks: a fork bomb, 64 tasks',
  cpu: 'CPU: four busy loops, no quota',
};

async function install(scope: { teardown: (fn: () => unknown) => void }): Promise<Box> {
  const bundle = await makeBundle();
  const box = await bootBox(scope, { enforcesLimits: true });
  await box.sh(`${bundle}/install.sh --yes`, { timeoutMs: 180_000 });
  for (const name of Object.values(NAMES)) {
    await enable(box, name);
    await untilServed(box, name);
  }
  await box.sh(`turnkeep namespace quota -n ${NAMES.exhausted} --memory 256M --tasks 64`);
  return box;
}

/** A program in its slice, for the whole time. */
async function inside(wall: BlastWall, what: Exhausted): Promise<string> {
  const { exhausted } = wall.names;
  await exhaust(wall.box, exhausted, what);
  if (what === 'memory') {
    const restarts = async (): Promise<number[]> =>
      Promise.all(
        (['turn', 'sfu'] as const).map(async (kind) => (await wall.unit(kind, exhausted)).restarts),
      );
    await wall.box.until(async () => (await restarts()).every((count) => count > 0));
    return `restarts of TURN and SFU by systemd: ${(await restarts()).join(' and ')}`;
  }
  const [fromSeconds, fromMs] = [await wall.cpuSecondsOf(exhausted, `mad-${what}`), Date.now()];
  await new Promise((done) => setTimeout(done, EACH_MS - 2000));
  const { tasks } = await wall.taken(exhausted);
  if (what === 'tasks') return `its slice: ${String(tasks)} tasks`;
  const used = (await wall.cpuSecondsOf(exhausted, `mad-${what}`)) - fromSeconds;
  return `the loops: ${((used * 1000) / (Date.now() - fromMs)).toFixed(2)} cores`;
}

async function allPorts(wall: BlastWall): Promise<string> {
  const { exhausted, other } = wall.names;
  const credentials = [];
  for (let person = 0; person < PEOPLE; person += 1) {
    credentials.push(await credential(wall, exhausted, `person-${String(person)}`));
  }
  const { ports } = await untilServed(wall.box, exhausted);
  const input = credentials.map((one) => JSON.stringify(one)).join('\n');
  const said = await stranger(wall, ['allocate', BOX_ADDRESS, String(ports?.turn)], input);
  const full = await allocates(wall, exhausted);
  const open = await allocates(wall, other);
  said.stop();
  return `its TURN answered ${said.line}; then a new viewer of it: ${full}; of the other: ${open}`;
}

async function flood(wall: BlastWall, port: 'turn' | 'turns'): Promise<string> {
  const sources = Array.from({ length: 20 }, (_, at) => `10.99.0.${String(100 + at)}`);
  for (const source of sources)
    await wall.box.outside(['ip', 'address', 'add', `${source}/24`, 'dev', 'eth0']);
  const { ports } = await untilServed(wall.box, wall.names.exhausted);
  const said = await stranger(wall, ['connect', BOX_ADDRESS, String(ports?.[port]), sources.join(',')], '');
  await new Promise((done) => setTimeout(done, EACH_MS - 2000));
  const open = await allocates(wall, wall.names.other);
  said.stop();
  return `${said.latest()}; a new viewer of the other: ${open}`;
}

async function credential(wall: BlastWall, namespace: string, subject: string) {
  const { username, password } = await wall.api.post(
    `/v1/namespaces/${namespace}/turn/credentials`,
    { subject },
    turnCredentialsSchema,
  );
  return { username, password };
}

/** @returns the answer of its TURN service to one Allocate. */
async function allocates(wall: BlastWall, namespace: string): Promise<string> {
  const { ports } = await untilServed(wall.box, namespace);
  const one = await credential(wall, namespace, 'newcomer');
  const said = await stranger(wall, ['allocate-once', BOX_ADDRESS, String(ports?.turn)], JSON.stringify(one));
  said.stop();
  return Object.keys(JSON.parse(said.line) as object).join();
}

/** Resolves with the first line it says. */
async function stranger(wall: BlastWall, args: readonly string[], input: string) {
  const child = wall.box.startOutside(
    [process.execPath, STRANGERS, ...args],
    { NODE_NO_WARNINGS: '1' },
    input,
  );
  let latest = '';
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (text) => {
      latest = text;
      resolve(text);
    });
    child.once('exit', () => {
      reject(new Error(`it ended: ${wall.box.saidOutside}`));
    });
  });
  return { line, latest: () => latest, stop: () => child.kill('SIGKILL') };
}

function shown({ what, seconds, exhausted, other, note }: Told): Record<string, string | number> {
  const frames = (value: number): string => value.toFixed(1);
  return {
    'exhausted in one namespace': what,
    seconds: Math.round(seconds),
    'the other: frames/s': frames(other.framesPerSecond),
    'longest gap ms': other.longestGapMs,
    'itself: frames/s': frames(exhausted.framesPerSecond),
    'its longest gap ms': exhausted.longestGapMs,
    meanwhile: note,
  };
}
