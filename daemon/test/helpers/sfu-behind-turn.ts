/** A real SFU behind a real TURN service of the same namespace, for peers that know relays only. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  DEFAULT_TURN_LIMITS,
  DEFAULT_TURN_SESSION,
  type AddressBlock,
  type TurnServiceConfig,
} from '../../contract/turn-config.ts';
import { freeUdpPort, SfuProcess } from './sfu-process.ts';

const RELAY_PORTS = { minPort: 42_000, maxPort: 42_199 };
const SECRET = 'a-secret-of-the-test-run';

/**
 * The address of the interface that scripts/run-tests.ts makes in a network namespace for the tests of a `netns`
 * folder: libnice gathers on no loopback address. Undefined outside such a namespace: a test sends nothing to the
 * machine's own network.
 */
export function interfaceAddress(): string | undefined {
  return process.env['TURNKEEP_TEST_NETWORK_ADDRESS'];
}

export class SfuBehindTurn {
  readonly sfu: SfuProcess;
  /** `host:port` of the TURN listener. */
  readonly turnEndpoint: string;
  readonly #turn: ChildProcess;
  readonly #directory: string;

  private constructor(options: {
    sfu: SfuProcess;
    turnEndpoint: string;
    turn: ChildProcess;
    directory: string;
  }) {
    this.sfu = options.sfu;
    this.turnEndpoint = options.turnEndpoint;
    this.#turn = options.turn;
    this.#directory = options.directory;
  }

  static async start(options: {
    shield: string;
    turn: string;
    extraRelays?: AddressBlock[];
  }): Promise<SfuBehindTurn> {
    const listen = interfaceAddress() ?? options.turn;
    const directory = mkdtempSync(join(tmpdir(), 'turn-'));
    const port = await freeUdpPort(listen);
    const turnEndpoint = `${listen}:${port}`;
    const sfu = await SfuProcess.start(options.shield, (config) => ({
      ...config,
      relays: [{ address: options.turn, ...RELAY_PORTS }, ...(options.extraRelays ?? [])],
      turn: { ...config.turn, uris: [`turn:${turnEndpoint}?transport=udp`], secret: SECRET },
    }));
    const config: TurnServiceConfig = {
      version: 1,
      namespace: 'demo',
      realm: 'demo',
      listeners: [{ transport: 'udp', address: listen, port }],
      relay: { addresses: [options.turn], ...RELAY_PORTS },
      peers: { scope: 'sfu', allow: [{ address: options.shield, ...sfu.config.media }] },
      secrets: [{ id: 'one', secret: SECRET }],
      derived: null,
      session: DEFAULT_TURN_SESSION,
      revoked: [],
      limits: DEFAULT_TURN_LIMITS,
      rfc5766Channels: false,
      controlSocket: join(directory, 'turn.sock'),
    };
    const path = join(directory, 'turn.json');
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    const turn = spawn(process.execPath, ['daemon/turn-service.ts', '--config', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await lineOf(turn, (line) => line === '{"ready":true}');
    return new SfuBehindTurn({ sfu, turnEndpoint, turn, directory });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#turn.once('exit', resolve));
    this.#turn.kill('SIGTERM');
    await ended;
    await this.sfu.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The first line of a program's output that matches. */
export function lineOf(child: ChildProcess, matches: (line: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`${why}: ${lines.join('\n').slice(0, 2000)}`));
    };
    const timer = setTimeout(fail, 60_000, 'no such line');
    child.once('exit', (code) => {
      fail(`ended with ${code}`);
    });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      lines.push(line);
      if (!matches(line)) return;
      clearTimeout(timer);
      resolve(line);
    });
  });
}
