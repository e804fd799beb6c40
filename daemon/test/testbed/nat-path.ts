/**
 * The way from a client to a server's UDP port as a bad line behind a NAT has it: delay, jitter, loss and reordering
 * in both directions, and a NAT that forgets its mappings. It needs no privilege and no kernel module: clients are
 * told its address instead of the server's.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createServer, connect, type Server, type Socket as Stream } from 'node:net';
import { seeded } from '../../../scripts/fuzz/mutate.ts';

/** What happens to each datagram, in each direction by itself. */
export type Line = {
  /** One way, in ms. */
  delayMs: number;
  /** Up to this much more. */
  jitterMs: number;
  /** 0 to 1. */
  loss: number;
  /** A datagram that waits less overtakes. */
  reorders: boolean;
  /** What the line carries, one datagram after the other, with a queue of two seconds before it; no limit if left out. */
  bytesPerSecond?: number;
};

/** What would wait longer is lost. */
const QUEUE_MS = 2000;

export const CLEAN_LINE: Line = { delayMs: 0, jitterMs: 0, loss: 0, reorders: false };

type Endpoint = { address: string; port: number };
type Count = { carried: number; lost: number };

/** One direction: a queue in order of time with one timer. */
class Direction {
  readonly count: Count = { carried: 0, lost: 0 };
  readonly #random: () => number;
  readonly #line: () => Line;
  #waiting: { dueMs: number; deliver: () => void }[] = [];
  #lastDueMs = 0;
  /** When the line has carried what it has taken. */
  #idleMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(random: () => number, line: () => Line) {
    this.#random = random;
    this.#line = line;
  }

  carry(bytes: number, deliver: () => void): void {
    const { delayMs, jitterMs, loss, reorders, bytesPerSecond = Infinity } = this.#line();
    const nowMs = performance.now();
    const startMs = Math.max(nowMs, this.#idleMs);
    if (this.#random() < loss || (bytesPerSecond < Infinity && startMs - nowMs > QUEUE_MS)) {
      this.count.lost += 1;
      return;
    }
    this.count.carried += 1;
    this.#idleMs = startMs + (bytes / bytesPerSecond) * 1000;
    let dueMs = this.#idleMs + delayMs + this.#random() * jitterMs;
    if (!reorders) dueMs = Math.max(dueMs, this.#lastDueMs);
    this.#lastDueMs = Math.max(dueMs, this.#lastDueMs);
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]!.dueMs > dueMs) at -= 1;
    this.#waiting.splice(at, 0, { dueMs, deliver });
    if (at === 0) this.#arm();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#waiting[0];
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        const nowMs = performance.now();
        while ((this.#waiting[0]?.dueMs ?? Infinity) <= nowMs) this.#waiting.shift()!.deliver();
        this.#arm();
      },
      Math.max(0, next.dueMs - performance.now()),
    );
  }
}

/** What a client knows as the server, and the mappings behind it. */
export class NatPath {
  line: Line = CLEAN_LINE;
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #server: Endpoint;
  readonly #inside: Socket;
  readonly #mappings = new Map<string, Socket>();
  readonly #tcp: Server;
  readonly #streams = new Set<Stream>();
  #blocked = new Set<string>();

  private constructor(server: Endpoint, inside: Socket, tcp: Server, seed: number) {
    this.#server = server;
    this.#inside = inside;
    this.#tcp = tcp;
    const line = (): Line => this.line;
    this.#up = new Direction(seeded(seed), line);
    this.#down = new Direction(seeded(seed + 1), line);
    inside.on('message', (datagram, from) => {
      this.#fromClient(datagram, from);
    });
    tcp.on('connection', (client) => {
      this.#accept(client);
    });
  }

  /** Listens on `address`, on one port for both transports, for what should reach `server`. */
  static async open(
    t: { teardown: (fn: () => unknown) => unknown },
    options: { address: string; server: Endpoint; seed?: number },
  ): Promise<NatPath> {
    const inside = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    await new Promise<void>((resolve, reject) => {
      inside.once('error', reject);
      inside.bind(0, options.address, resolve);
    });
    const tcp = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen(inside.address().port, options.address, resolve);
    });
    const path = new NatPath(options.server, inside, tcp, options.seed ?? 1);
    t.teardown(() => {
      path.close();
    });
    return path;
  }

  get address(): Endpoint {
    const { address, port } = this.#inside.address();
    return { address, port };
  }

  /** Datagrams towards the server, and from it. */
  get counts(): { up: Count; down: Count } {
    return { up: this.#up.count, down: this.#down.count };
  }

  /**
   * The client is elsewhere from now on: its addresses of until now lead nowhere. `rebinds`: the same sockets go on
   * from other public ports (a NAT that lost its table); else they are dead, as after a change of network.
   */
  move(options: { rebinds: boolean }): void {
    for (const [client, socket] of this.#mappings) {
      socket.close();
      if (!options.rebinds) this.#blocked.add(client);
    }
    this.#mappings.clear();
    for (const stream of this.#streams) stream.destroy();
  }

  close(): void {
    this.#up.close();
    this.#down.close();
    for (const socket of this.#mappings.values()) socket.close();
    this.#mappings.clear();
    for (const stream of this.#streams) stream.destroy();
    this.#tcp.close();
    this.#inside.close();
  }

  #fromClient(datagram: Buffer, from: RemoteInfo): void {
    const client = `${from.address}:${from.port}`;
    if (this.#blocked.has(client)) return;
    const mapping = this.#mappings.get(client) ?? this.#map(client, from);
    this.#up.carry(datagram.length, () => {
      if (this.#mappings.get(client) === mapping) {
        mapping.send(datagram, this.#server.port, this.#server.address, () => undefined);
      }
    });
  }

  #map(client: string, { address, port }: RemoteInfo): Socket {
    const mapping = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    // A port that the server does not answer any more is no reason to fail.
    mapping.on('error', () => undefined);
    mapping.bind(0, this.address.address);
    mapping.on('message', (datagram) => {
      this.#down.carry(datagram.length, () => {
        if (this.#mappings.get(client) === mapping)
          this.#inside.send(datagram, port, address, () => undefined);
      });
    });
    this.#mappings.set(client, mapping);
    return mapping;
  }

  /** A stream loses nothing: the line only delays it. */
  #accept(client: Stream): void {
    const server = connect({ port: this.#server.port, host: this.#server.address, noDelay: true });
    for (const [stream, other, direction] of [
      [client, server, this.#up],
      [server, client, this.#down],
    ] as const) {
      this.#streams.add(stream);
      stream.on('data', (bytes) => {
        setTimeout(() => {
          if (!other.destroyed) other.write(bytes);
        }, this.line.delayMs);
        direction.count.carried += 1;
      });
      stream.on('error', () => undefined);
      stream.on('close', () => {
        this.#streams.delete(stream);
        other.destroy();
      });
    }
  }
}
