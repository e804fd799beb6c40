/**
 * One relayed transport address of a TCP allocation (RFC 6062): it listens for peers, and connects to peers
 * from the same address and port. Linux lets no socket connect from a port that another one listens on, so
 * for each Connect the listening socket is closed and opened again within one turn of the event loop
 * (decision record 0006).
 */
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { IpFamily } from '../../../kit/ip-address.ts';
import type { ServiceAllocation, ServiceCore, ServiceRelay } from '../relay-socket.ts';

/** Connections the kernel completes before we have seen them; the caps of the core come after. */
const BACKLOG = 64;

export type PeerArrival = { relay: TcpRelay; allocation: ServiceAllocation; socket: Socket };
/** undefined: the peer could not be reached. */
type Outcome = (connected: boolean) => void;
type Wanted = { socketOf: (socket: Socket) => void; address: string; port: number; onOutcome: Outcome };

export class TcpRelay implements ServiceRelay {
  readonly family: IpFamily;
  readonly address: string;
  readonly port: number;
  readonly #core: ServiceCore;
  readonly #server: Server;
  readonly #onError: (error: Error) => void;
  #allocation: ServiceAllocation | undefined;
  #wanted: Wanted[] = [];
  /** `deaf`: could not listen again; the next Connect tries it anew. */
  #state: 'opening' | 'listening' | 'deaf' | 'closed' = 'opening';

  private constructor(options: TcpRelayOptions) {
    this.family = options.family;
    this.address = options.address;
    this.port = options.port;
    this.#core = options.core;
    this.#onError = options.onError;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      const allocation = this.#allocation;
      if (allocation === undefined || socket.remoteAddress === undefined) socket.destroy();
      else options.onPeer({ relay: this, allocation, socket });
    });
  }

  /** Listens. Rejects with the system error. */
  static async open(options: TcpRelayOptions): Promise<TcpRelay> {
    const relay = new TcpRelay(options);
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      relay.#server.listen(relay.#where, () => {
        relay.#server.off('error', reject);
        resolve();
      });
    });
    relay.#server.on('error', (error) => {
      relay.#failed(error);
    });
    relay.#server.on('listening', () => {
      relay.#listening();
    });
    relay.#state = 'listening';
    return relay;
  }

  attach(allocation: ServiceAllocation): void {
    this.#allocation = allocation;
  }

  /** Datagrams have no way here; the core refuses Send and ChannelBind before. */
  send(): void {
    this.#core.drops.add('relay-kind');
  }

  forward(): void {
    this.send();
  }

  /**
   * Connects to a peer the caller has decided on, from this relayed address.
   * @param options.socketOf gets the socket, paused, as soon as there is one; destroying it ends the attempt.
   * @param options.onOutcome told once, unless the relay was closed before.
   */
  connect(options: Wanted): void {
    this.#wanted.push(options);
    if (this.#state === 'listening' || this.#state === 'deaf') this.#reopen();
  }

  close(): Promise<void> {
    this.#allocation = undefined;
    this.#wanted = [];
    if (this.#state !== 'closed') this.#server.close();
    this.#state = 'closed';
    return Promise.resolve();
  }

  get #where(): { host: string; port: number; ipv6Only: boolean; exclusive: true; backlog: number } {
    const { address, port } = this;
    return { host: address, port, ipv6Only: isIPv6(address), exclusive: true, backlog: BACKLOG };
  }

  /** Closing frees the port at once; sockets that connect bind it before the next one listens. */
  #reopen(): void {
    this.#state = 'opening';
    this.#server.close();
    for (const wanted of this.#wanted.splice(0)) this.#start(wanted);
    // Node binds a connecting socket in the next tick: this one comes behind it.
    process.nextTick(() => {
      if (this.#state === 'opening') this.#server.listen(this.#where);
    });
  }

  #start({ socketOf, address, port, onOutcome }: Wanted): void {
    const local = { localAddress: this.address, localPort: this.port };
    const socket = connect({ host: address, port, ...local, family: this.family, allowHalfOpen: true });
    socket.pause();
    let told = false;
    const tell = (connected: boolean): void => {
      if (told) return;
      told = true;
      onOutcome(connected);
    };
    socket.on('connect', () => {
      tell(true);
    });
    socket.on('error', () => undefined); // 'close' follows.
    socket.on('close', () => {
      tell(false);
    });
    socketOf(socket);
  }

  #listening(): void {
    if (this.#state === 'closed') {
      this.#server.close();
      return;
    }
    this.#state = 'listening';
    if (this.#wanted.length > 0) this.#reopen();
  }

  #failed(error: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'deaf';
    this.#core.drops.add('relay-not-listening');
    this.#onError(error);
    if (this.#wanted.length > 0) this.#reopen();
  }
}

export type TcpRelayOptions = {
  family: IpFamily;
  address: string;
  port: number;
  core: ServiceCore;
  /** A peer has connected; its socket is paused. */
  onPeer: (arrival: PeerArrival) => void;
  onError: (error: Error) => void;
};
