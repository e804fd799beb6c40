/** A real SFU process on a loopback shield, with its control client. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sfuControlEvents, sfuControlMethods } from '../../contract/control.ts';
import { DEFAULT_ROOM_POLICY } from '../../contract/rooms.ts';
import { DEFAULT_SFU_LIMITS, type SfuServiceConfig } from '../../contract/sfu-config.ts';
import type { RoomTicket } from '../../contract/signaling.ts';
import { signRoomTicket } from '../../credentials/room-ticket.ts';
import { ControlClient } from '../../system/control-client.ts';

const READY_TIMEOUT_MS = 30_000;

export type SfuEvent = { name: string; data: Record<string, unknown> };

export class SfuProcess {
  readonly config: SfuServiceConfig;
  readonly configPath: string;
  readonly events: SfuEvent[] = [];
  readonly #directory: string;
  #child: ChildProcess | undefined;
  #control: ControlClient<typeof sfuControlMethods, typeof sfuControlEvents> | undefined;
  #output = '';
  #waiters: (() => void)[] = [];

  constructor(config: SfuServiceConfig, directory: string) {
    this.config = config;
    this.#directory = directory;
    this.configPath = join(directory, 'sfu.json');
  }

  /** Free ports on `shield`, a config file, a process that is ready. */
  static async start(
    shield: string,
    change: (config: SfuServiceConfig) => SfuServiceConfig = (config) => config,
    environment: NodeJS.ProcessEnv = {},
  ): Promise<SfuProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'sfu-'));
    const mediaPort = await freeUdpPort(shield);
    const sfu = new SfuProcess(
      change({
        version: 1,
        namespace: 'demo',
        shield,
        signaling: { port: await freeTcpPort(shield), ticketKey: Buffer.alloc(32, 7).toString('base64url') },
        media: { minPort: mediaPort, maxPort: mediaPort },
        relays: [],
        turn: {
          uris: ['turn:127.0.0.1:3478?transport=udp'],
          secret: 'a-secret-of-the-test-run',
          ttlSeconds: 600,
        },
        limits: DEFAULT_SFU_LIMITS,
        rooms: DEFAULT_ROOM_POLICY,
        alternatives: [],
        workers: 1,
        worker: null,
        controlSocket: join(directory, 'control.sock'),
      }),
      directory,
    );
    sfu.writeConfig(sfu.config);
    await sfu.spawn(environment);
    await sfu.connect();
    return sfu;
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get control(): ControlClient<typeof sfuControlMethods, typeof sfuControlEvents> {
    if (this.#control === undefined) throw new Error('no control connection');
    return this.#control;
  }

  writeConfig(config: SfuServiceConfig): void {
    writeFileSync(this.configPath, JSON.stringify(config), { mode: 0o600 });
  }

  async spawn(environment: NodeJS.ProcessEnv = {}): Promise<void> {
    const child = spawn(process.execPath, ['daemon/sfu-service.ts', '--config', this.configPath], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...environment },
    });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(reject, READY_TIMEOUT_MS, new Error('the SFU is not ready in time'));
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Error(`the SFU ended with ${code}: ${this.#output}`));
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#output += `${line}\n`;
        if (line !== '{"ready":true}') return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async connect(): Promise<void> {
    const { client } = await ControlClient.open({
      path: this.config.controlSocket,
      methods: sfuControlMethods,
      events: sfuControlEvents,
      onEvent: (event) => {
        this.events.push(event);
        for (const wake of this.#waiters.splice(0)) wake();
      },
    });
    this.#control = client;
  }

  /** Waits for a control event, also one that came already. */
  async event(name: string, matches: (data: Record<string, unknown>) => boolean): Promise<SfuEvent> {
    const endMs = Date.now() + 30_000;
    for (;;) {
      const found = this.events.find((event) => event.name === name && matches(event.data));
      if (found !== undefined) return found;
      const leftMs = endMs - Date.now();
      if (leftMs <= 0) throw new Error(`no event ${name}; got ${JSON.stringify(this.events)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  ticket(change: Partial<RoomTicket> = {}): string {
    return signRoomTicket(
      {
        namespace: this.config.namespace,
        identity: 'ada',
        name: 'Ada',
        role: 'publisher',
        rooms: null,
        expiresAtMs: Date.now() + 60_000,
        ...change,
      },
      this.config.signaling.ticketKey,
    );
  }

  url(ticket: string): string {
    return `ws://${this.config.shield}:${this.config.signaling.port}/session?ticket=${ticket}`;
  }

  /** Waits until the process ends by itself. @returns its exit code. */
  async exited(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    return new Promise((resolve) => child.once('exit', resolve));
  }

  /** SIGTERM, and the exit code. */
  async stop(): Promise<number | null> {
    this.#control?.close();
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => {
      child.once('exit', (code) => {
        resolve(code);
      });
    });
    child.kill('SIGTERM');
    const code = await ended;
    rmSync(this.#directory, { recursive: true, force: true });
    return code;
  }
}

export async function freeUdpPort(address: string): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

export async function freeTcpPort(address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return bound === null || typeof bound === 'string' ? 0 : bound.port;
}
