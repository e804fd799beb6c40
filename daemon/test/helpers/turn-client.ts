/** A TURN client for tests, and the TURN process it talks to. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { turnControlEvents, turnControlMethods } from '../../contract/control.ts';
import {
  DEFAULT_TURN_LIMITS,
  DEFAULT_TURN_SESSION,
  type TurnServiceConfig,
  type TurnTransport,
} from '../../contract/turn-config.ts';
import { issueRestCredential } from '../../credentials/turn-rest.ts';
import { openTurnLink, type TlsTrust } from '../../health/relay-probe-link.ts';
import type { TurnLink } from '../../health/turn-link.ts';
import { parseIp } from '../../kit/ip-address.ts';
import { ControlClient } from '../../system/control-client.ts';
import { ATTRIBUTE, METHOD, TRANSPORT_UDP } from '../../turn/codec/attribute-types.ts';
import {
  channelNumber,
  lifetime,
  readXorAddress,
  requestedTransport,
  type Endpoint,
} from '../../turn/codec/attributes.ts';
import type { IntegrityHash } from '../../turn/codec/message-integrity.ts';
import { attributeOf, type StunAttribute, type StunMessage } from '../../turn/codec/stun-message.ts';
import { ClientSession, type ClientRequest } from '../../turn/core/client-session.ts';
import { openDtlsLink } from './dtls-link.ts';
import { tempDir } from './temp-dir.ts';

type Test = { teardown: (fn: () => unknown) => void };

export const TEST_SECRET = 'a secret of the test suite';
/** Nothing here is expected to take long; the limit only ends a test that would hang. */
const WAIT_MS = 20_000;
const RESEND_MS = 1000;

/** A configuration to change; the ports of the listeners are placeholders. */
export function turnConfig(change: Partial<TurnServiceConfig> = {}): TurnServiceConfig {
  return {
    version: 1,
    namespace: 'test',
    realm: 'turnkeep.test',
    listeners: [{ transport: 'udp', address: '127.0.11.20', port: 3478 }],
    relay: { addresses: ['127.0.11.21'], minPort: 52000, maxPort: 52199 },
    peers: { scope: 'sfu', allow: [{ address: '127.0.11.22', minPort: 1, maxPort: 65535 }] },
    secrets: [{ id: 'first', secret: TEST_SECRET }],
    derived: null,
    session: DEFAULT_TURN_SESSION,
    revoked: [],
    limits: DEFAULT_TURN_LIMITS,
    rfc5766Channels: false,
    controlSocket: '/nowhere/control.sock',
    ...change,
  };
}

/** A credential of the test's namespace. */
export function credential(
  change: { secret?: string; namespace?: string; subject?: string; ttlSeconds?: number } = {},
): { username: string; password: string } {
  return issueRestCredential({
    secret: TEST_SECRET,
    namespace: 'test',
    ttlSeconds: 600,
    nowMs: Date.now(),
    ...change,
  });
}

/**
 * A port that nobody has at any of the addresses, for UDP and TCP. None from which the kernel takes those of outgoing
 * connections: it would be gone before the service binds it.
 */
export async function freePort(...addresses: string[]): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 25_000);
    const tried = await Promise.all(
      addresses.flatMap((address) => [listens(address, port), binds(address, port)]),
    );
    if (!tried.includes(false)) return port;
  }
}

function listens(address: string, port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, address, () =>
      server.close(() => {
        resolve(true);
      }),
    );
  });
}

function binds(address: string, port: number): Promise<boolean> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    socket.once('error', () => {
      resolve(false);
    });
    socket.bind(port, address, () =>
      socket.close(() => {
        resolve(true);
      }),
    );
  });
}

export type TurnProcess = {
  child: ChildProcess;
  config: TurnServiceConfig;
  configFile: string;
  address: string;
  port: number;
  control: ControlClient<typeof turnControlMethods, typeof turnControlEvents>;
  /** All that was written so far. */
  output: () => { stdout: string; stderr: string };
  /** Sends a signal. @returns the exit code. */
  stop: (signal?: NodeJS.Signals) => Promise<number | null>;
};

/** Starts the process with these listeners' transports on one free port, and waits for its ready line. */
export async function startTurn(
  t: Test,
  options: {
    address: string;
    transports?: TurnTransport[];
    config?: Partial<TurnServiceConfig>;
    /** Options of Node itself. */
    nodeOptions?: readonly string[];
  },
): Promise<TurnProcess> {
  const { address, transports = ['udp', 'tcp'] } = options;
  const dir = tempDir(t);
  const port = await freePort(address);
  const config = turnConfig({
    listeners: transports.map((transport) => ({ transport, address, port })),
    controlSocket: join(dir, 'control.sock'),
    ...options.config,
  });
  const configFile = join(dir, 'turn.json');
  writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 });
  const { child, output, exited } = spawnTurn(t, configFile, options.nodeOptions);
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      if (output().stdout.includes('{"ready":true}\n')) resolve();
    };
    child.stdout?.on('data', look);
    void exited.then(() => {
      reject(new Error(`the TURN service ended: ${output().stderr}`));
    });
  });
  const { client: control } = await ControlClient.open({
    path: config.controlSocket,
    methods: turnControlMethods,
    events: turnControlEvents,
  });
  t.teardown(() => {
    control.close();
  });
  return {
    child,
    config,
    configFile,
    address,
    port,
    control,
    output,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

/** Runs the process with a file, good or bad. It is killed at the end of the test. */
export function spawnTurn(
  t: Test,
  configFile: string,
  nodeOptions: readonly string[] = [],
): {
  child: ChildProcess;
  output: () => { stdout: string; stderr: string };
  exited: Promise<number | null>;
} {
  const args = [...nodeOptions, 'daemon/turn-service.ts', '--config', configFile];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return { child, output: () => ({ stdout, stderr }), exited };
}

/** Success, the number of the error, or `challenged`: the next request will be signed. */
export type Outcome = { code: 'success' | 'challenged' | number; message: StunMessage | undefined };

export class TurnClient {
  readonly session: ClientSession;
  readonly #link: TurnLink;
  readonly #frames: Buffer[] = [];
  #waiting: (() => void) | undefined;
  #closed = false;

  private constructor(link: TurnLink, session: ClientSession, frames: Buffer[]) {
    this.#link = link;
    this.session = session;
    this.#frames = frames;
  }

  static async open(
    t: Test,
    options: {
      transport: 'udp' | 'tcp' | 'tls' | 'dtls';
      /** How a TLS server is verified. */
      tls?: TlsTrust;
      address: string;
      port: number;
      username: string;
      password: string;
      /** Kind of integrity; `sha256` negotiates the password algorithm. */
      hash?: IntegrityHash;
    },
  ): Promise<TurnClient> {
    const frames: Buffer[] = [];
    const late: { client?: TurnClient } = {};
    const { transport } = options;
    const common = {
      ...options,
      signal: AbortSignal.timeout(WAIT_MS),
      onFrame: (frame: Buffer) => {
        frames.push(Buffer.from(frame));
        late.client?.wake();
      },
      onClosed: () => {
        if (late.client === undefined) return;
        late.client.#closed = true;
        late.client.wake();
      },
    };
    const link =
      transport === 'dtls' ? await openDtlsLink(common) : await openTurnLink({ ...common, transport });
    const client = new TurnClient(link, new ClientSession({ ...options, randomBytes }), frames);
    late.client = client;
    t.teardown(() => {
      link.close();
    });
    return client;
  }

  wake(): void {
    this.#waiting?.();
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#link.close();
  }

  raw(bytes: Buffer): void {
    this.#link.send(bytes);
  }

  /** The first frame that `accept` takes; others before it are thrown away. */
  async next<Value>(accept: (frame: Buffer) => Value | undefined, waitMs = WAIT_MS): Promise<Value> {
    const untilMs = Date.now() + waitMs;
    for (;;) {
      for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
        const value = accept(frame);
        if (value !== undefined) return value;
      }
      if (this.#closed) throw new Error('the server closed the connection');
      const leftMs = untilMs - Date.now();
      if (leftMs <= 0) throw new Error('no such frame came in time');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Resolves when the server has closed the connection. */
  async untilClosed(): Promise<void> {
    await this.next(() => undefined).catch(() => undefined);
    if (!this.#closed) throw new Error('the connection is still open');
  }

  /** Sends one request as it is and reads its answer; a challenge is reported, not followed. */
  async once(request: ClientRequest): Promise<Outcome> {
    for (let attempt = 0; ; attempt += 1) {
      this.raw(request.bytes);
      try {
        return await this.next(
          (frame) => {
            const answer = this.session.read(frame, request);
            if (answer === undefined || answer.type === 'forged') return undefined;
            if (answer.type === 'again') return { code: 'challenged', message: undefined };
            return { code: answer.type === 'success' ? 'success' : answer.code, message: answer.message };
          },
          this.#link.reliable || attempt === WAIT_MS / RESEND_MS ? WAIT_MS : RESEND_MS,
        );
      } catch (error) {
        if (this.#link.reliable || this.#closed || attempt === WAIT_MS / RESEND_MS) throw error;
      }
    }
  }

  /** Follows the challenge of the server. */
  async request(method: number, attributes: readonly StunAttribute[] = []): Promise<Outcome> {
    const first = await this.once(this.session.request(method, attributes));
    return first.code === 'challenged' ? this.once(this.session.request(method, attributes)) : first;
  }

  async peerRequest(
    method: number,
    peer: { address: string; port: number },
    attributes: readonly StunAttribute[] = [],
  ): Promise<Outcome> {
    return this.once(this.session.peerRequest(method, endpoint(peer), attributes));
  }

  async allocate(attributes: readonly StunAttribute[] = []): Promise<Outcome> {
    return this.request(METHOD.ALLOCATE, [requestedTransport(TRANSPORT_UDP), ...attributes]);
  }

  async refresh(seconds: number): Promise<Outcome> {
    return this.request(METHOD.REFRESH, [lifetime(seconds)]);
  }

  async permit(peer: { address: string; port: number }): Promise<Outcome> {
    return this.peerRequest(METHOD.CREATE_PERMISSION, peer);
  }

  async bind(channel: number, peer: { address: string; port: number }): Promise<Outcome> {
    return this.peerRequest(METHOD.CHANNEL_BIND, peer, [channelNumber(channel)]);
  }

  send(peer: { address: string; port: number }, payload: Buffer): void {
    this.raw(this.session.send(endpoint(peer), payload));
  }
}

export function endpoint(peer: { address: string; port: number }): Endpoint {
  return { address: parseIp(peer.address)!, port: peer.port };
}

export function relayedPort(outcome: Outcome): number {
  const message = outcome.message!;
  const value = attributeOf(message, ATTRIBUTE.XOR_RELAYED_ADDRESS)!;
  return readXorAddress(value, message.transactionId)!.port;
}

/** A UDP peer that remembers what it got. */
export class TestPeer {
  readonly socket: Socket;
  readonly address: string;
  readonly #got: { bytes: Buffer; port: number; address: string }[] = [];
  #waiting: (() => void) | undefined;

  private constructor(socket: Socket, address: string) {
    this.socket = socket;
    this.address = address;
    socket.on('message', (bytes, { port, address }) => {
      this.#got.push({ bytes, port, address });
      this.#waiting?.();
    });
  }

  static async open(t: Test, address: string, port = 0): Promise<TestPeer> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, address, resolve);
    });
    t.teardown(() => socket.close());
    return new TestPeer(socket, address);
  }

  get port(): number {
    return this.socket.address().port;
  }

  async next(waitMs = WAIT_MS): Promise<{ bytes: Buffer; port: number; address: string }> {
    const untilMs = Date.now() + waitMs;
    for (;;) {
      const got = this.#got.shift();
      if (got !== undefined) return got;
      const leftMs = untilMs - Date.now();
      if (leftMs <= 0) throw new Error('the peer got nothing in time');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  send(bytes: Buffer, to: { address: string; port: number }): void {
    this.socket.send(bytes, to.port, to.address);
  }
}
