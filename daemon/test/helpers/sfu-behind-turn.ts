/** A real SFU behind a real TURN service of the same namespace, for peers that know relays only. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { turnControlEvents, turnControlMethods, type TurnStatus } from '../../contract/control.ts';
import {
  DEFAULT_TURN_LIMITS,
  DEFAULT_TURN_SESSION,
  type AddressBlock,
  type TurnServiceConfig,
} from '../../contract/turn-config.ts';
import type { TurnSession } from '../../contract/turn-session.ts';
import { ControlClient } from '../../system/control-client.ts';
import { freeTcpPort, freeUdpPort, SfuProcess } from './sfu-process.ts';

export type RelayTransport = 'udp' | 'tcp' | 'tls';

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
  readonly listeners: TurnServiceConfig['listeners'];
  /** Of the authority that signed the certificate of the `tls` listener; empty without one. */
  readonly caPem: string;
  readonly #turn: ChildProcess;
  readonly #control: ControlClient<typeof turnControlMethods, typeof turnControlEvents>;
  readonly #directory: string;

  private constructor(options: {
    sfu: SfuProcess;
    listeners: TurnServiceConfig['listeners'];
    caPem: string;
    turn: ChildProcess;
    control: ControlClient<typeof turnControlMethods, typeof turnControlEvents>;
    directory: string;
  }) {
    this.sfu = options.sfu;
    this.listeners = options.listeners;
    this.caPem = options.caPem;
    this.#turn = options.turn;
    this.#control = options.control;
    this.#directory = options.directory;
  }

  static async start(options: {
    shield: string;
    turn: string;
    extraRelays?: AddressBlock[];
    /** The listeners, each on a port of its own. Clients are told of all of them. */
    transports?: RelayTransport[];
    /** Other URIs that lead to these listeners: clients are told of them too. */
    detours?: (listeners: TurnServiceConfig['listeners']) => Promise<string[]>;
    /** Instead of the usual block of 200. */
    relayPorts?: { minPort: number; maxPort: number };
    limits?: Partial<TurnServiceConfig['limits']>;
    session?: Partial<TurnServiceConfig['session']>;
    /** `NODE_OPTIONS` of the two services. */
    nodeOptions?: { turn: string; sfu: string };
  }): Promise<SfuBehindTurn> {
    const { transports = ['udp'], relayPorts = RELAY_PORTS, nodeOptions } = options;
    const listen = interfaceAddress() ?? options.turn;
    const directory = mkdtempSync(join(tmpdir(), 'turn-'));
    const listeners: TurnServiceConfig['listeners'] = [];
    for (const transport of transports) {
      const port = await (transport === 'udp' ? freeUdpPort(listen) : freeTcpPort(listen));
      listeners.push({ transport, address: listen, port });
    }
    const certificate = transports.includes('tls') ? certificateFor(listen, directory) : undefined;
    const detours = (await options.detours?.(listeners)) ?? [];
    const sfu = await SfuProcess.start(
      options.shield,
      (config) => ({
        ...config,
        relays: [{ address: options.turn, ...relayPorts }, ...(options.extraRelays ?? [])],
        turn: { ...config.turn, uris: [...listeners.map(uriOf), ...detours], secret: SECRET },
      }),
      nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions.sfu },
    );
    const config: TurnServiceConfig = {
      version: 1,
      namespace: 'demo',
      realm: 'demo',
      listeners,
      ...(certificate === undefined ? {} : { certificate: certificate.files }),
      relay: { addresses: [options.turn], ...relayPorts },
      peers: { scope: 'sfu', allow: [{ address: options.shield, ...sfu.config.media }] },
      secrets: [{ id: 'one', secret: SECRET }],
      derived: null,
      session: { ...DEFAULT_TURN_SESSION, ...options.session },
      revoked: [],
      limits: { ...DEFAULT_TURN_LIMITS, ...options.limits },
      rfc5766Channels: false,
      controlSocket: join(directory, 'turn.sock'),
    };
    const path = join(directory, 'turn.json');
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    const turn = spawn(process.execPath, ['daemon/turn-service.ts', '--config', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...(nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions.turn }) },
    });
    await lineOf(turn, (line) => line === '{"ready":true}');
    const { client: control } = await ControlClient.open({
      path: config.controlSocket,
      methods: turnControlMethods,
      events: turnControlEvents,
      onEvent: () => undefined,
    });
    const caPem = certificate?.caPem ?? '';
    return new SfuBehindTurn({ sfu, listeners, caPem, turn, control, directory });
  }

  /** The processes of the two services. */
  get pids(): { turn: number; sfu: number } {
    return { turn: this.#turn.pid ?? 0, sfu: this.sfu.pid };
  }

  /** `host:port` of a listener. */
  endpoint(transport: RelayTransport): string {
    const { address, port } = this.#listener(transport);
    return `${address}:${port}`;
  }

  /** What a client is told of a listener. */
  uri(transport: RelayTransport): string {
    return uriOf(this.#listener(transport));
  }

  /** What the TURN service counts. */
  turnStatus(): Promise<TurnStatus> {
    return this.#control.call('status', {});
  }

  /** The sessions of a subject, as the TURN service sees them. */
  async sessionsOf(subject: string): Promise<TurnSession[]> {
    const { items } = await this.#control.call('sessions', {});
    return items.filter((session) => session.subject === subject);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#turn.once('exit', resolve));
    this.#control.close();
    this.#turn.kill('SIGTERM');
    await ended;
    await this.sfu.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #listener(transport: RelayTransport): TurnServiceConfig['listeners'][number] {
    const listener = this.listeners.find((one) => one.transport === transport);
    if (listener === undefined) throw new Error(`no ${transport} listener`);
    return listener;
  }
}

function uriOf({ transport, address, port }: TurnServiceConfig['listeners'][number]): string {
  return transport === 'tls'
    ? `turns:${address}:${port}?transport=tcp`
    : `turn:${address}:${port}?transport=${transport}`;
}

function certificateFor(
  address: string,
  directory: string,
): { caPem: string; files: { certFile: string; keyFile: string } } {
  execFileSync(process.execPath, ['daemon/test/helpers/issue-certificate.ts', directory, address]);
  return {
    caPem: readFileSync(join(directory, 'ca.pem'), 'utf8'),
    files: { certFile: join(directory, 'turn.crt'), keyFile: join(directory, 'turn.key') },
  };
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
