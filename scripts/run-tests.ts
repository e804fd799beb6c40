/**
 * Runs test files, each as a process of its own, and ends with one line `N passed, N failed[, N skipped]`.
 *
 *   node scripts/run-tests.ts unit|local|all [part of a path ...]
 *
 * `unit`: everything but the folders below, two files at a time. `local`: unit + blackbox. `all`: also
 * interop, browser and host, one file at a time. Under CI=true a skipped test is a failed run. The files of a
 * folder `netns` run in a network namespace of their own, with one interface beside loopback, and what they mount is
 * theirs alone (root only).
 *
 * A file that drives other programs (interop, browser, host) and fails runs once more, alone. What passes then is no
 * failure but is called FLAKY, with the report of its first run: a fault to mend, never a silent one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Parser, type Result } from 'tap-parser';

const LEVELS = ['unit', 'blackbox', 'interop', 'browser', 'host'] as const;
type Level = (typeof LEVELS)[number];
const RUNS: Record<string, Level[]> = {
  unit: ['unit'],
  local: ['unit', 'blackbox'],
  all: ['unit', 'blackbox', 'interop', 'browser', 'host'],
};
const TIME_LIMIT_MS: Record<Level, number> = {
  unit: 120_000,
  blackbox: 180_000,
  interop: 300_000,
  browser: 300_000,
  host: 600_000,
};

/** Long forms of tests take longer, in seconds: for every file, where it is given. */
const OWN_TIME_LIMIT_MS = Number(process.env['TURNKEEP_TEST_SECONDS'] ?? 0) * 1000;

const SECOND_CHANCE: ReadonlySet<Level> = new Set(['interop', 'browser', 'host']);

/** Makes the boxes' file system beside tests that mostly wait; whoever needs it waits for it, and says what is wrong. */
const TEST_BED = 'daemon/test/testbed/prepare.ts';
const NEEDS_TEST_BED = /\/host\//;

const NETWORK_ADDRESS = '10.99.0.1';

/** Run twice: as installed, and with datagrams by `node:dgram`, which serves where the addon is not built. */
const ALSO_BY_DGRAM = /\/blackbox\/turn-(?:relay|peers|pressure)\.test\.ts$/;
const BY_DGRAM = { TURNKEEP_DATAGRAMS: 'dgram' };

type Outcome = {
  file: string;
  passed: number;
  failed: number;
  skipped: string[];
  seconds: number;
  report: string;
};

// A checkout that was never bootstrapped has no addons; where nothing changed this takes no time.
spawnSync('scripts/build-native', { stdio: 'inherit' });

const [run = 'unit', ...filters] = process.argv.slice(2);
const levels = RUNS[run];
if (levels === undefined) {
  console.error(`Unknown run "${run}". One of: ${Object.keys(RUNS).join(', ')}.`);
  process.exit(2);
}

const files = globSync([
  'daemon/test/**/*.test.ts',
  'cli/test/**/*.test.ts',
  'web/test/**/*.test.ts',
  'scripts/test/**/*.test.ts',
])
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
  .sort();
const outcomes: Outcome[] = [];
const flaky: string[] = [];
let testBed: Promise<void> | undefined;
for (const level of levels) {
  if (level === 'blackbox') testBed = prepareTestBed();
  if (level === 'browser') await testBed;
  const queue = files
    .filter((file) => levelOf(file) === level)
    .flatMap((file) => [{ file, env: {} }, ...(ALSO_BY_DGRAM.test(file) ? [{ file, env: BY_DGRAM }] : [])]);
  const width = level === 'unit' ? Math.max(2, availableParallelism()) : 1;
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { file, env } = next;
        const timeLimitMs = OWN_TIME_LIMIT_MS > 0 ? OWN_TIME_LIMIT_MS : TIME_LIMIT_MS[level];
        let outcome = await runFile(file, env, timeLimitMs);
        if (outcome.failed > 0 && SECOND_CHANCE.has(level)) {
          const again = await runFile(file, env, timeLimitMs);
          if (again.failed === 0) {
            flaky.push(file);
            console.log(`FLAKY ${file}  passes when run again; its first run:\n${outcome.report}`);
          }
          outcome = again;
        }
        outcomes.push(outcome);
        const mark = outcome.failed > 0 ? 'FAIL' : 'ok  ';
        const variant = Object.entries(env).map(([key, value]) => `  ${key}=${value}`);
        console.log(
          `${mark} ${file}${variant.join('')}  ${outcome.passed} passed, ${outcome.seconds.toFixed(1)} s`,
        );
        for (const skipped of outcome.skipped) console.log(`     skipped: ${skipped}`);
        if (outcome.failed > 0) console.log(outcome.report);
      }
    }),
  );
}

const sum = (pick: (outcome: Outcome) => number): number =>
  outcomes.reduce((total, one) => total + pick(one), 0);
const passed = sum((one) => one.passed);
const skipped = sum((one) => one.skipped.length);
let failed = sum((one) => one.failed);
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

function levelOf(file: string): Level {
  return LEVELS.find((level) => file.includes(`/${level}/`)) ?? 'unit';
}

async function runFile(file: string, env: Record<string, string>, timeLimitMs: number): Promise<Outcome> {
  const startedMs = performance.now();
  const ownNetwork = file.includes('/netns/') && process.getuid?.() === 0;
  const [command, ...args] = ownNetwork ? inOwnNetwork(file) : [process.execPath, file];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...env,
      NODE_NO_WARNINGS: '1',
      TAP_TIMEOUT: String(timeLimitMs / 1000),
      ...(ownNetwork ? { TURNKEEP_TEST_NETWORK_ADDRESS: NETWORK_ADDRESS } : {}),
    },
    detached: true,
  });
  const failures: string[] = [];
  const skippedNames: string[] = [];
  const count = { passed: 0, failed: 0 };
  let stderr = '';
  let stdoutTail = '';
  const parser = new Parser((result) => {
    count.passed = result.pass;
    count.failed = result.fail;
  });
  const watch = (node: Parser, prefix: string): void => {
    node.on('child', (nested: Parser) => {
      watch(nested, prefix === '' ? nested.name : `${prefix} > ${nested.name}`);
    });
    node.on('assert', (result: Result) => {
      if (result.skip) skippedNames.push(`${result.name}: ${String(result.skip)}`);
      else if (!result.ok && !result.todo) {
        failures.push(`  not ok ${prefix} > ${result.name}\n${JSON.stringify(result.diag, null, 2)}`);
      }
    });
  };
  watch(parser, '');
  child.stdout.on('data', (chunk: Buffer) => {
    stdoutTail = (stdoutTail + chunk.toString()).slice(-4000);
    parser.write(chunk.toString());
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-20_000);
  });
  const limit = { passed: false };
  const timer = setTimeout(() => {
    limit.passed = true;
    endGroup(child.pid);
  }, timeLimitMs);
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', (exitCode) => {
      resolve(exitCode);
    });
  });
  clearTimeout(timer);
  await new Promise<void>((resolve) => {
    parser.once('complete', () => {
      resolve();
    });
    parser.end();
  });
  endGroup(child.pid);
  if (limit.passed) failures.push(`  not ok time limit of ${timeLimitMs / 1000} s`);
  if ((code !== 0 || limit.passed) && count.failed === 0) count.failed = 1;
  return {
    file,
    passed: count.passed,
    failed: count.failed,
    skipped: skippedNames,
    seconds: (performance.now() - startedMs) / 1000,
    report: [...failures, stderr.trim(), failures.length === 0 ? stdoutTail : '', `exit code ${code}`].join(
      '\n',
    ),
  };
}

/** Never rejects: the first test that needs it tries again. */
function prepareTestBed(): Promise<void> {
  if (process.getuid?.() !== 0 || !files.some((file) => NEEDS_TEST_BED.test(file))) return Promise.resolve();
  const child = spawn('nice', ['-n', '19', process.execPath, TEST_BED], { stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => {
      resolve();
    });
    child.once('exit', () => {
      resolve();
    });
  });
}

/** The namespace ends with its processes; nothing in it reaches the machine's own network. */
function inOwnNetwork(file: string): [string, ...string[]] {
  const setUp = [
    'ip link set lo up',
    'ip link add tk0 type veth peer name tk1',
    `ip addr add ${NETWORK_ADDRESS}/24 dev tk0`,
    'ip link set tk0 up',
    'ip link set tk1 up',
    'exec "$0" "$1"',
  ];
  return ['unshare', '--net', '--mount', 'sh', '-ec', setUp.join(' && '), process.execPath, file];
}

/** Ends whatever a test file left behind: it ran as the leader of its own process group. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing was left: the usual case.
  }
}
