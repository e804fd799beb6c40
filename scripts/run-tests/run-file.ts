/** Runs one test file as a process group of its own and reads its TAP. */
import { spawn } from 'node:child_process';
import { Parser, type Result } from 'tap-parser';
import { timeLimitMs, type Network, type TestFile } from './levels.ts';

export type Outcome = {
  test: TestFile;
  passed: number;
  failed: number;
  skipped: string[];
  seconds: number;
  /** What failed, and what it said last. */
  report: string;
};

const NETWORK_ADDRESS = '10.99.0.1';

export async function runFile(test: TestFile): Promise<Outcome> {
  const startedMs = performance.now();
  const limitMs = timeLimitMs(test.level);
  const [command, ...args] = inNetwork(test.network, test.file);
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...test.env,
      NODE_NO_WARNINGS: '1',
      TAP_TIMEOUT: String(limitMs / 1000),
      ...(test.network === 'interface' ? { TURNKEEP_TEST_NETWORK_ADDRESS: NETWORK_ADDRESS } : {}),
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
  }, limitMs);
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
  if (limit.passed) failures.push(`  not ok time limit of ${limitMs / 1000} s`);
  if ((code !== 0 || limit.passed) && count.failed === 0) count.failed = 1;
  const tail = failures.length === 0 ? stdoutTail : '';
  return {
    test,
    ...count,
    skipped: skippedNames,
    seconds: (performance.now() - startedMs) / 1000,
    report: [...failures, stderr.trim(), tail, `exit code ${code}`].join('\n'),
  };
}

/** A network that is the file's own ends with its processes; nothing in it reaches the machine's. */
function inNetwork(network: Network, file: string): [string, ...string[]] {
  if (network === 'machine') return [process.execPath, file];
  const setUp = [
    'ip link set lo up',
    ...(network === 'interface'
      ? [
          'ip link add tk0 type veth peer name tk1',
          `ip addr add ${NETWORK_ADDRESS}/24 dev tk0`,
          'ip link set tk0 up',
          'ip link set tk1 up',
        ]
      : []),
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
