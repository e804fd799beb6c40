/**
 * Runs test files, each as a process of its own, and ends with one line `N passed, N failed[, N skipped]`.
 *
 *   node scripts/run-tests.ts unit|local|all [part of a path ...]
 *
 * `unit`: everything but the folders below. `local`: unit + blackbox. `all`: also interop, browser and host. What runs
 * beside what: `run-tests/levels.ts`. Under CI=true a skipped test is a failed run. As root, the files of blackbox run in
 * a network namespace of their own with nothing but loopback, those of a folder `netns` in one with an interface beside
 * it, and what they mount is theirs alone.
 *
 * A file that drives other programs or runs beside such (all but unit) and fails runs once more, alone. What passes then
 * is no failure but is called FLAKY, with the report of its first run: a fault to mend, never a silent one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { needsBox, phasesOf, RUNS } from './run-tests/levels.ts';
import type { Outcome } from './run-tests/run-file.ts';
import { runPhase } from './run-tests/run-phase.ts';

/** Makes what the boxes need; whoever needs it waits for it, and says what is wrong. */
const TEST_BED = 'daemon/test/testbed/prepare.ts';
const SLOWEST = 15;

// A checkout that was never bootstrapped has no addons; where nothing changed this takes no time.
spawnSync('scripts/build-native', { stdio: 'inherit' });

const [run = 'unit', ...filters] = process.argv.slice(2);
const levels = RUNS[run];
if (levels === undefined) {
  console.error(`Unknown run "${run}". One of: ${Object.keys(RUNS).join(', ')}.`);
  process.exit(2);
}

const startedMs = performance.now();
const root = process.getuid?.() === 0;
const files = globSync([
  'daemon/test/**/*.test.ts',
  'cli/test/**/*.test.ts',
  'web/test/**/*.test.ts',
  'scripts/test/**/*.test.ts',
])
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
  .sort();
const networks = root && spawnSync('unshare', ['--net', '--mount', 'true']).status === 0;
const phases = phasesOf(files, levels, { root, networks });
const boxes = root && phases.some((phase) => phase.files.some(({ file }) => needsBox(file)));
const fileSystem = boxes ? prepare('rootfs') : Promise.resolve();
let testBed: Promise<void> | undefined;
const outcomes: Outcome[] = [];
const flaky: string[] = [];
for (const phase of phases) {
  // A bundle builds the console anew, which unit tests read.
  if (phase.name !== 'unit') testBed ??= boxes ? fileSystem.then(() => prepare('bundle')) : Promise.resolve();
  if (phase.name === 'browser') await testBed;
  const ended = await runPhase(phase, testBed ?? Promise.resolve());
  outcomes.push(...ended.outcomes);
  flaky.push(...ended.flaky);
}

const sum = (pick: (outcome: Outcome) => number): number =>
  outcomes.reduce((total, one) => total + pick(one), 0);
const passed = sum((one) => one.passed);
const skipped = sum((one) => one.skipped.length);
let failed = sum((one) => one.failed);
if (outcomes.length > SLOWEST) {
  const slowest = outcomes.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  const lines = slowest.map(({ test, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${test.file}`);
  const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
  console.log(
    `The slowest of ${outcomes.length} files, which took ${minutes} minutes together:\n${lines.join('\n')}`,
  );
}
if (passed === 0 && failed === 0) {
  console.error('No test ran.');
  failed = 1;
}
if (skipped > 0 && process.env['CI'] === 'true') {
  console.error(`${skipped} tests were skipped: under CI every tool must be there.`);
  failed += skipped;
}
if (flaky.length > 0) console.log(`FLAKY (${flaky.length}): ${flaky.join(', ')}`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed > 0 ? 1 : 0);

/** Never rejects: the first test that needs it tries again. */
function prepare(part: 'rootfs' | 'bundle'): Promise<void> {
  const child = spawn('nice', ['-n', '19', process.execPath, TEST_BED, part], { stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => {
      resolve();
    });
    child.once('exit', () => {
      resolve();
    });
  });
}
