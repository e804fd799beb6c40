/**
 * Runs in a machine at its boot, as root: takes all that namespace `a` may have, of one kind after the other, and looks
 * meanwhile with the doctor whether `b` relays. Each line that begins with BLAST holds JSON; then the machine turns off.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const READY_LIMIT_MS = 600_000;
const PROBES = 60;
const SLICE = 'turnkeep-a.slice';
const GROUP = `/sys/fs/cgroup/turnkeep.slice/${SLICE}`;
const UNITS = ['turnkeep-turn@b.service', 'turnkeep-sfu@b.service'];
const NODE = '/opt/turnkeep/current/runtime/node';

/** What is done in the slice of `a`, and the counter of the kernel that shows that it hit the wall. */
const BLOWS = {
  memory: {
    program: [NODE, '-e', 'const a=[];for(;;){a.push(Buffer.alloc(8<<20,1));}'],
    wall: () => counter('memory.events', 'oom_kill'),
  },
  tasks: {
    program: ['/bin/sh', '-c', 'while :; do sleep 600 & done'],
    wall: () => counter('pids.events', 'max'),
  },
  cpu: {
    program: ['/bin/sh', '-c', 'for i in 1 2 3 4; do while :; do :; done & done; wait'],
    wall: () => counter('cpu.stat', 'nr_throttled'),
  },
};

try {
  await main();
} catch (error) {
  tell({ failure: String(error) });
}
execFileSync('systemctl', ['poweroff']);

async function main(): Promise<void> {
  await untilUp();
  tell({ kind: 'up', uptimeSeconds: Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) });
  await run('turnkeep', [
    'namespace',
    'quota',
    '-n',
    'a',
    '--memory',
    '400M',
    '--tasks',
    '80',
    '--cpu',
    '50%',
  ]);
  tell({ kind: 'nothing', ...(await look()) });
  for (const [kind, { program, wall }] of Object.entries(BLOWS)) {
    const before = { wall: wall(), processes: processes(UNITS) };
    const hog = spawn(
      'systemd-run',
      ['--quiet', '--collect', `--slice=${SLICE}`, '--unit=hog', '-p', 'OOMPolicy=continue', ...program],
      {
        stdio: 'ignore',
      },
    );
    await new Promise((resolve) => hog.once('exit', resolve));
    const deadline = Date.now() + READY_LIMIT_MS;
    while (wall() <= before.wall && Date.now() < deadline) await pause(500);
    const seen = await look();
    tell({
      kind,
      hitTheWall: wall() - before.wall,
      sameProcesses: processes(UNITS) === before.processes,
      freeMemoryMiB: Math.round(
        Number(/MemAvailable: +([0-9]+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) / 1024,
      ),
      ...seen,
    });
    await run('systemctl', ['kill', '--signal=KILL', 'hog.service']).catch(() => undefined);
    await run('systemctl', ['stop', 'hog.service']).catch(() => undefined);
  }
  await untilUp();
  tell({ kind: 'after', ...(await look('a')) });
}

/** A viewer of the namespace: udp, tcp and tls, to its SFU and back. */
async function look(namespace = 'b'): Promise<object> {
  const { stdout } = await run(
    'turnkeep',
    ['--json', 'doctor', '--namespace', namespace, '--probes', String(PROBES)],
    {
      timeout: 120_000,
    },
  ).catch((error: unknown) => error as { stdout: string });
  const { transports } = JSON.parse(stdout) as {
    transports: {
      transport: string;
      ok: boolean;
      sent: number;
      lost: number;
      rttMs: { average: number; max: number } | null;
    }[];
  };
  return {
    transports: transports.map(({ transport, ok, sent, lost, rttMs }) => ({
      ...{ transport, ok, sent, lost },
      averageMs: rttMs?.average,
      maxMs: rttMs?.max,
    })),
  };
}

async function untilUp(): Promise<void> {
  const deadline = Date.now() + READY_LIMIT_MS;
  while (Date.now() < deadline) {
    try {
      const answers = await Promise.all(
        ['a', 'b'].map((name) => run('turnkeep', ['--json', 'namespace', 'webrtc-status', '-n', name])),
      );
      const up = answers.map(
        ({ stdout }) => JSON.parse(stdout) as { turn: { up: string }; sfu: { up: string } },
      );
      if (up.every(({ turn, sfu }) => turn.up === 'up' && sfu.up === 'up')) return;
    } catch {
      // The daemon is not there yet.
    }
    await pause(1000);
  }
  throw new Error('the namespaces are not up');
}

function processes(units: readonly string[]): string {
  return execFileSync('systemctl', ['show', '--property=MainPID,NRestarts', ...units], { encoding: 'utf8' });
}

function counter(file: string, name: string): number {
  return Number(
    new RegExp(`^${name} ([0-9]+)`, 'm').exec(readFileSync(`${GROUP}/${file}`, 'utf8'))?.[1] ?? 0,
  );
}

function tell(what: object): void {
  console.log(`BLAST ${JSON.stringify(what)}`);
}
