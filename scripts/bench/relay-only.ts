/**
 * One camera and its viewers, all by TURN only, at our TURN and SFU services and at LiveKit: starts a server on
 * core 0 and the load generator (`peer-load/`, Go) on core 1, and gives the generator its job.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { SfuBehindTurn } from '../../daemon/test/helpers/sfu-behind-turn.ts';
import { cpuNanoseconds, residentBytes } from './process-accounts.ts';
import { installLiveKit, LIVEKIT_VERSION, liveKitUrl, startLiveKit } from './livekit.ts';

export type Work = 'pair' | 'late' | 'storm';
/** `cpuNanoseconds`: of each of its processes since it started, by name. */
export type Server = {
  cpuNanoseconds: () => Record<string, number>;
  residentBytes: () => number;
  url: (identity: string, publishes: boolean) => string;
  stop: () => Promise<void>;
};
export type Contender = { name: string; kind: 'turnkeep' | 'livekit'; start: () => Promise<Server> };
/** What the generator says, by `type`. */
export type Said = { type: string } & Record<string, number | string>;

const REPOSITORY = resolve(import.meta.dirname, '../..');
const GENERATOR = join(REPOSITORY, '.cache/bench/peer-load');
const ROOM = 'bench';
const BUILD_LIMIT_MS = 30 * 60_000;
/** Two runs at a time need two networks: three bytes of a loopback one. */
const NETWORK = process.env['TURNKEEP_BENCH_NETWORK'] ?? '127.0.50';
const ADDRESSES = { shield: `${NETWORK}.1`, turn: `${NETWORK}.2` };
const pinned = (core: number): string[] =>
  availableParallelism() > 1 ? ['taskset', '-c', String(core)] : [];

/** Ours first, or `alone`. Prints what is left out. @throws Error when the load generator cannot be built. */
export function contenders({ alone = false } = {}): Contender[] {
  const build = spawnSync('go', ['build', '-o', GENERATOR, '.'], {
    cwd: join(REPOSITORY, 'scripts/bench/peer-load'),
    encoding: 'utf8',
    timeout: BUILD_LIMIT_MS,
    env: { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' },
  });
  if (build.status !== 0) {
    throw new Error(`The load generator needs Go 1.26: ${build.error?.message ?? build.stderr}`);
  }
  const ours: Contender = { name: 'turnkeep', kind: 'turnkeep', start: startTurnkeep };
  if (alone) return [ours];
  const missing = installLiveKit();
  if (missing !== undefined) {
    console.log(missing);
    return [ours];
  }
  return [ours, { name: `LiveKit ${LIVEKIT_VERSION}`, kind: 'livekit', start: startPeer }];
}

async function startTurnkeep(): Promise<Server> {
  const services = await SfuBehindTurn.start(ADDRESSES);
  const { turn, sfu } = services.pids;
  if (availableParallelism() > 1) {
    for (const pid of [turn, sfu]) spawnSync('taskset', ['-a', '-c', '-p', '0', String(pid)]);
  }
  return {
    cpuNanoseconds: () => ({ TURN: cpuNanoseconds(turn), SFU: cpuNanoseconds(sfu) }),
    residentBytes: () => residentBytes(turn) + residentBytes(sfu),
    url: (identity, publishes) =>
      services.sfu.url(
        services.sfu.ticket({
          identity,
          name: identity,
          role: publishes ? 'publisher' : 'viewer',
          expiresAtMs: Date.now() + 600_000,
        }),
      ),
    stop: () => services.stop(),
  };
}

async function startPeer(): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'livekit-'));
  const child = await startLiveKit(dir, pinned(0));
  const pid = child.pid ?? 0;
  return {
    cpuNanoseconds: () => ({ LiveKit: cpuNanoseconds(pid) }),
    residentBytes: () => residentBytes(pid),
    url: (identity, publishes) => liveKitUrl(identity, ROOM, publishes),
    stop: async () => {
      await ended(child, 'SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The load generator at its job. */
export class Load {
  readonly #child: ChildProcess;
  readonly #said: Said[] = [];
  #wake: () => void = () => undefined;

  constructor(contender: Contender, server: Server, work: Work, viewers: number) {
    const [program, ...args] = [...pinned(1), GENERATOR];
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#said.push(JSON.parse(line) as Said);
      this.#wake();
    });
    this.#child.once('exit', () => {
      this.#wake();
    });
    const job = {
      server: contender.kind,
      work,
      room: ROOM,
      publisher: server.url('camera', true),
      viewers: Array.from({ length: viewers }, (_, at) => server.url(`viewer-${at}`, false)),
    };
    this.tell(JSON.stringify(job));
  }

  tell(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** The next thing it says. @throws Error when it ends before, or says nothing for so long. */
  async next(limitMs: number): Promise<Said> {
    const endMs = performance.now() + limitMs;
    for (;;) {
      const said = this.#said.shift();
      if (said !== undefined) return said;
      const leftMs = endMs - performance.now();
      if (this.#child.exitCode !== null) throw new Error('The load generator ended early');
      if (leftMs <= 0) throw new Error('The load generator said nothing in time');
      await new Promise<void>((done) => {
        const timer = setTimeout(done, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          done();
        };
      });
    }
  }

  stop(): Promise<void> {
    return ended(this.#child, 'SIGKILL');
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  await exit;
}

/** The middle one; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
