/**
 * A TCP port that is open before there is anybody to serve it. Who dials while the daemon starts waits for an answer
 * instead of being refused: after a refusal a camera of the field stays away for five seconds, and a browser longer
 * each time.
 */
import { createServer, Server as NetServer, type AddressInfo, type Socket } from 'node:net';

/** More than this wait in the kernel, which holds some hundreds more. */
const MAX_HELD = 512;
const BACKLOG = 1024;

export class HeldPort {
  readonly #server: NetServer;
  readonly #held = new Set<Socket>();
  #lent = false;

  private constructor() {
    // Paused: what they send stays in the kernel until somebody reads it.
    this.#server = createServer({ pauseOnConnect: true }, (socket) => {
      this.#hold(socket);
    });
  }

  /** Rejects with the system's error. */
  static async open(endpoint: { address: string; port: number }): Promise<HeldPort> {
    const held = new HeldPort();
    const { address: host, port } = endpoint;
    await new Promise<void>((resolve, reject) => {
      held.#server.once('error', reject);
      held.#server.listen({ host, port, backlog: BACKLOG, exclusive: true }, () => {
        held.#server.off('error', reject);
        resolve();
      });
    });
    held.#server.on('error', () => undefined); // Of one connection: the next one is tried all the same.
    return held;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * When `server` is told to listen, wherever, it takes this port over, and those who wait are its first connections.
   * From then on the port is closed with `server`.
   */
  lendTo(server: NetServer): void {
    // Its owner may be a framework that calls `listen` itself.
    server.listen = (...args: unknown[]) => {
      this.#lent = true;
      const done = args.at(-1);
      if (typeof done === 'function') server.once('listening', done as () => void);
      server.once('listening', () => {
        for (const socket of this.#held) this.#release(socket, server);
        this.#held.clear();
      });
      return NetServer.prototype.listen.apply(server, [this.#server]);
    };
  }

  /** Does nothing when a server has taken it over. */
  close(): Promise<void> {
    if (this.#lent || !this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      for (const socket of this.#held) socket.destroy();
    });
  }

  #hold(socket: Socket): void {
    if (this.#held.size >= MAX_HELD) {
      socket.destroy();
      return;
    }
    this.#held.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => this.#held.delete(socket));
  }

  #release(socket: Socket, server: NetServer): void {
    server.emit('connection', socket);
    // A TLS server reads by itself; an HTTP server waits for what flows.
    socket.resume();
  }
}

function ignore(): void {
  // 'close' follows and is what matters.
}
