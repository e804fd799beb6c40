/** A coturn process on loopback, so that the browser's relay-only rule is tested by real allocations. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { freePort } from '../../../daemon/test/helpers/turn-client.ts';

export const TURNSERVER = '/usr/bin/turnserver';
export const TURN_USER = { username: 'viewer', credential: 'only-for-tests' };

/** Why the tests with pictures cannot run here, or undefined. */
export function relayMissing(): string | undefined {
  return existsSync(TURNSERVER) ? undefined : `${TURNSERVER} is missing: apt-get install coturn`;
}

export class Relay {
  readonly port: number;
  readonly address: string;
  #process: ChildProcess;

  private constructor(child: ChildProcess, address: string, port: number) {
    this.#process = child;
    this.address = address;
    this.port = port;
  }

  /** @param wantedPort the one of before: nobody else takes it meanwhile, it is not among those the kernel gives away. */
  static async start(address = '127.0.0.1', wantedPort?: number): Promise<Relay> {
    const port = wantedPort ?? (await freePort(address));
    const child = spawn(
      TURNSERVER,
      [
        '-n',
        '--no-cli',
        // For ever it would try to have the TCP port, too, which somebody else may have.
        '--no-tcp',
        '--no-tls',
        '--no-dtls',
        '--no-tcp-relay',
        '--allow-loopback-peers',
        '--cli-password=unused',
        '--lt-cred-mech',
        `--user=${TURN_USER.username}:${TURN_USER.credential}`,
        '--realm=double',
        `--listening-ip=${address}`,
        `--relay-ip=${address}`,
        `--listening-port=${port}`,
        // As freePort: below those that the kernel gives to outgoing connections.
        '--min-port=26000',
        '--max-port=26999',
        '--log-file=stdout',
        '--pidfile=/dev/null',
        '--userdb=/dev/null',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    child.stdout.resume();
    try {
      await answers(address, port);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return new Relay(child, address, port);
  }

  get url(): string {
    return `turn:${this.address}:${this.port}?transport=udp`;
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }
}

/** Waits for the answer to a STUN binding request (RFC 8489 section 5): the relay listens. */
async function answers(address: string, port: number): Promise<void> {
  const request = Buffer.alloc(20);
  request.writeUInt16BE(0x0001, 0);
  request.writeUInt32BE(0x2112a442, 4);
  request.write('ready-probe!', 8, 'latin1');
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      const ask = setInterval(() => {
        socket.send(request, port, address);
      }, 50);
      const limit = setTimeout(() => {
        clearInterval(ask);
        reject(new Error(`turnserver does not answer on ${address}:${port}`));
      }, 20_000);
      socket.once('message', () => {
        clearInterval(ask);
        clearTimeout(limit);
        resolve();
      });
      // Before the relay listens, the kernel answers "port unreachable".
      socket.on('error', () => undefined);
    });
  } finally {
    socket.close();
  }
}
