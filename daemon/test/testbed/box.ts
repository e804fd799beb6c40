/**
 * A booted Debian with systemd as PID 1, in a container with a network of its own: install, units, watchdog, reboot and
 * power cut are tried here. One end of a cable is the box's `eth0` (10.99.0.1/24), the other is a client's network
 * namespace (10.99.0.2/24), so that somebody outside can look at the box.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { hierarchies, initOf, makeGroups, removeGroups } from './control-groups.ts';
import { ensureRootfs } from './rootfs.ts';

export const BOX_ADDRESS = '10.99.0.1';
export const CLIENT_ADDRESS = '10.99.0.2';
const REPOSITORY = join(import.meta.dirname, '../../..');
/** What nspawn ends with when the box asked for a reboot. */
const REBOOT = 133;
const BOOT_LIMIT_MS = 60_000;
const STATE_LIMIT_MS = 60_000;

export type Ran = { code: number; stdout: string; stderr: string };

export type BoxOptions = {
  /**
   * MemoryMax=, TasksMax= and CPUQuota= of its units are held by the kernel. On a machine with control groups of the
   * first generation systemd filters no addresses then (IPAddressDeny=), so this is not for every box.
   */
  enforcesLimits?: boolean;
};

/** Boots a box for one test file; everything of it is gone when the test is over. */
export async function bootBox(t: Pick<Test, 'teardown'>, options: BoxOptions = {}): Promise<Box> {
  const rootfs = await ensureRootfs();
  const box = new Box(rootfs, options);
  t.teardown(() => box.close());
  await box.boot();
  return box;
}

export class Box {
  readonly name = `tk${String(process.pid)}`;
  /** Network namespace of somebody outside: `ip netns exec CLIENT ...`. */
  readonly client = `${this.name}c`;
  readonly #home = mkdtempSync(join(tmpdir(), 'tkbox-'));
  readonly root = join(this.#home, 'root');
  #nspawn: ChildProcess | undefined;
  #output = '';
  #closing = false;
  #outside = '';
  readonly #programs: ChildProcess[] = [];
  readonly #groups;

  constructor(rootfs: string, { enforcesLimits = false }: BoxOptions = {}) {
    this.#groups = hierarchies(enforcesLimits);
    for (const folder of ['root', 'upper', 'work']) mkdirSync(join(this.#home, folder));
    // The overlay's upper layer needs a file system that is none itself.
    sh(
      `mount -t tmpfs -o size=2g tkbox ${this.#home}/upper && mkdir ${this.#home}/upper/up ${this.#home}/upper/work`,
    );
    sh(
      `mount -t overlay overlay -o lowerdir=${rootfs},upperdir=${this.#home}/upper/up,workdir=${this.#home}/upper/work ${this.root}`,
    );
    writeFileSync(join(this.root, 'etc/machine-id'), '');
    writeFileSync(join(this.root, 'etc/hostname'), 'box\n');
    for (const command of [
      `ip netns add ${this.name}`,
      `ip netns add ${this.client}`,
      `ip -n ${this.name} link add eth0 type veth peer name eth0 netns ${this.client}`,
      `ip -n ${this.name} link set lo up`,
      `ip -n ${this.client} link set lo up`,
      `ip -n ${this.name} address add ${BOX_ADDRESS}/24 dev eth0`,
      `ip -n ${this.client} address add ${CLIENT_ADDRESS}/24 dev eth0`,
      `ip -n ${this.name} link set eth0 up`,
      `ip -n ${this.client} link set eth0 up`,
      `ip -n ${this.name} route add default via ${CLIENT_ADDRESS}`,
      `ip -n ${this.client} route add default via ${BOX_ADDRESS}`,
    ]) {
      sh(command);
    }
  }

  /** Starts PID 1 and waits until systemd has done everything it had to. */
  async boot(): Promise<void> {
    // Groups of its own: two boxes would collide otherwise.
    const enter = `${makeGroups(this.#groups, this.name)}; exec systemd-nspawn "$@"`;
    const init = initOf(this.#groups);
    const nspawn = spawn(
      'sh',
      [
        '-c',
        enter,
        'sh',
        ...['-D', this.root, '--register=no', '--keep-unit', '-M', this.name, '--console=pipe', '--quiet'],
        `--network-namespace-path=/run/netns/${this.name}`,
        '--capability=CAP_NET_ADMIN',
        `--bind-ro=${REPOSITORY}:/src`,
        ...init,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: this.#groups.unified ? '1' : '0',
          SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'network',
        },
      },
    );
    this.#nspawn = nspawn;
    for (const stream of [nspawn.stdout, nspawn.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-8000);
      });
    }
    nspawn.once('exit', (code) => {
      if (this.#nspawn === nspawn) this.#nspawn = undefined;
      if (code === REBOOT && !this.#closing) void this.boot();
    });
    await this.untilUp();
  }

  /** Until `systemctl is-system-running` has an end state. */
  async untilUp(): Promise<void> {
    const deadline = Date.now() + BOOT_LIMIT_MS;
    while (Date.now() < deadline) {
      const { stdout } = await this.run(['systemctl', 'is-system-running']).catch(() => ({ stdout: '' }));
      if (/^(running|degraded)/.test(stdout)) return;
      await pause(50);
    }
    throw new Error(`The box did not boot:\n${this.#output}`);
  }

  /** Waits for a state of it. Rejects when it does not come. */
  async until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + STATE_LIMIT_MS;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error(`It did not come to pass: ${String(condition)}`);
      await pause(200);
    }
  }

  /** A file in the box as this machine sees it while it runs, for what is not on its disk: sockets below /run. */
  pathOf(file: string): string {
    const leader = this.#leader();
    if (leader === undefined) throw new Error('The box is not running.');
    return `/proc/${String(leader)}/root${file}`;
  }

  /** Starts a program of this machine in the network of the client; it ends with the box. @param input of its standard input. */
  startOutside(command: readonly string[], env: Record<string, string>, input = ''): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.client, ...command], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => undefined); // It ended before it read all.
    child.stdin.end(input);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#outside = (this.#outside + chunk.toString()).slice(-4000);
      });
    }
    this.#programs.push(child);
    return child;
  }

  /** What programs outside said last. */
  get saidOutside(): string {
    return this.#outside;
  }

  /** Runs a command of this machine in the network of the client. Never rejects for its exit code. */
  outside(command: readonly string[], options: { timeoutMs?: number } = {}): Promise<Ran> {
    return new Promise((resolve) => {
      execFile(
        'ip',
        ['netns', 'exec', this.client, ...command],
        { timeout: options.timeoutMs ?? 60_000, maxBuffer: 32 * 1024 * 1024 },
        (error, stdout, stderr) => {
          resolve({ code: exitCode(error), stdout, stderr });
        },
      );
    });
  }

  /** Runs a command inside as root. Never rejects for its exit code. */
  run(command: readonly string[], options: { timeoutMs?: number; input?: string } = {}): Promise<Ran> {
    const leader = this.#leader();
    if (leader === undefined) return Promise.reject(new Error('The box is not running.'));
    return new Promise((resolve) => {
      const child = execFile(
        'nsenter',
        [...`-t ${String(leader)} -m -p -u -i -n -C --wdns=/`.split(' '), ...command],
        {
          timeout: options.timeoutMs ?? 60_000,
          maxBuffer: 32 * 1024 * 1024,
          env: {
            PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            HOME: '/root',
            LC_ALL: 'C.UTF-8',
          },
        },
        (error, stdout, stderr) => {
          resolve({ code: exitCode(error), stdout, stderr });
        },
      );
      // A box that is gone takes no input.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(options.input ?? '');
    });
  }

  /** Runs a shell script inside. Rejects with everything it said when it fails. */
  async sh(script: string, options: { timeoutMs?: number } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(['sh', '-euc', script], options);
    if (code !== 0)
      throw new Error(
        `exit code ${String(code)} of: ${script.slice(0, 300)}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`,
      );
    return stdout;
  }

  /** The power fails: PID 1 and everything below it is gone at once. Then it boots again. @param meanwhile what happens to the disk while it is off. @returns when it began to boot. */
  async cutPower(meanwhile: () => void | Promise<void> = () => undefined): Promise<number> {
    const nspawn = this.#nspawn;
    const leader = this.#leader();
    if (nspawn === undefined || leader === undefined) throw new Error('The box is not running.');
    const gone = new Promise((resolve) => nspawn.once('exit', resolve));
    process.kill(leader, 'SIGKILL');
    await gone;
    // What lived in the kernel's memory of the box.
    sh(`ip netns exec ${this.name} nft flush ruleset 2>/dev/null || true`);
    sh(`ip -n ${this.name} link delete turnkeep0 2>/dev/null || true`);
    await meanwhile();
    const startedMs = performance.now();
    await this.boot();
    return startedMs;
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const program of this.#programs) program.kill('SIGKILL');
    const nspawn = this.#nspawn;
    if (nspawn !== undefined) {
      const gone = new Promise((resolve) => nspawn.once('exit', resolve));
      const leader = this.#leader();
      if (leader !== undefined) process.kill(leader, 'SIGKILL');
      else nspawn.kill('SIGKILL');
      await gone;
    }
    for (const command of [
      `umount -l ${this.root}`,
      `umount -l ${this.#home}/upper`,
      `ip netns delete ${this.name}`,
      `ip netns delete ${this.client}`,
      removeGroups(this.#groups, this.name),
    ]) {
      try {
        sh(command);
      } catch {
        continue; // It never got that far.
      }
    }
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** The process on this machine that is PID 1 in the box. */
  #leader(): number | undefined {
    const pid = this.#nspawn?.pid;
    if (pid === undefined) return undefined;
    try {
      const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').trim();
      return children === '' ? undefined : Number(children.split(' ')[0]);
    } catch {
      return undefined;
    }
  }
}

function exitCode(error: { code?: unknown } | null): number {
  if (error === null) return 0;
  return typeof error.code === 'number' ? error.code : -1;
}

function sh(command: string): void {
  execFileSync('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
}
