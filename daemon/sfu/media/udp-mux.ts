/**
 * The shared media port: one UDP socket on the shield for every peer connection of the process. It
 * binds, sends and closes; who gets a datagram is decided in media-demux.ts.
 */
import { isIPv6 } from 'node:net';
import type { Datagram, UdpSocket } from '../../datagrams/datagram.ts';
import { loadDatagramEngine } from '../../datagrams/load-engine.ts';
import type { SealedOutlet, SealKeys } from '../../datagrams/sealed-flow.ts';
import { DropCounter } from '../../kit/drop-counter.ts';
import { AdapterError, isErrno } from '../../kit/errors.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';
import type { Logger } from '../../kit/logger.ts';
import { MediaDemux, type MuxDrop, type MuxEndpoint } from './media-demux.ts';
import type { MediaPort } from './media-port.ts';
import { RelayOutlet, type Target } from './relay-outlet.ts';
import type { RelaySet } from './relay-set.ts';

export type UdpMuxOptions = {
  address: string;
  /** 0 picks a free port (tests). */
  port: number;
  relays: RelaySet;
  probePassword: string;
  log: Logger;
};

export class UdpMux implements MediaPort {
  readonly address: string;
  readonly family: 4 | 6;
  readonly #engine = loadDatagramEngine();
  readonly #drops = new DropCounter<MuxDrop>();
  readonly #demux: MediaDemux;
  #socket: UdpSocket | undefined;
  #port = 0;
  #closed = false;

  private constructor(options: UdpMuxOptions) {
    this.address = options.address;
    this.family = isIPv6(options.address) ? 6 : 4;
    this.#demux = new MediaDemux({
      relays: options.relays,
      probePassword: options.probePassword,
      drops: this.#drops,
      reply: (datagram, port, address) => {
        this.send(datagram, port, address);
      },
    });
  }

  /** Binds the port. Rejects with an AdapterError that names address and port. */
  static async open(options: UdpMuxOptions): Promise<UdpMux> {
    const mux = new UdpMux(options);
    await mux.#open(options);
    return mux;
  }

  get port(): number {
    return this.#port;
  }

  /** How datagrams travel: in batches, or one by one where the addon is not built. */
  get datagrams(): 'mmsg-addon' | 'dgram' {
    return this.#engine.engine.name;
  }

  get demux(): MediaDemux {
    return this.#demux;
  }

  /** What was thrown away, by reason, since the start. */
  get drops(): DropCounter<MuxDrop> {
    return this.#drops;
  }

  /**
   * Sends one datagram to a relay: with all others of this turn of the event loop where the addon is built.
   * Anything but a relay is refused and counted. Never throws.
   */
  send(datagram: Buffer, port: number, address: string): void {
    if (this.#closed) return;
    if (!this.#demux.relays.has(address, port)) {
      this.#drops.add('send-not-relay');
      return;
    }
    try {
      // The media core writes its next packet into the same buffer.
      this.#socket?.sendCopy(datagram, port, address);
    } catch {
      this.#drops.add('send-failed');
    }
  }

  openOutlet(keys: SealKeys, target: () => Target | undefined): SealedOutlet | undefined {
    const flow = this.#closed ? undefined : this.#socket?.seal(keys);
    if (flow === undefined) return undefined;
    return new RelayOutlet(flow, {
      target,
      relays: () => this.#demux.relays,
      onRefused: () => {
        this.#drops.add('send-not-relay');
      },
    });
  }

  /** Sends what ICE or DTLS of an endpoint wants out. */
  sendControl(endpoint: MuxEndpoint, datagram: Buffer, port: number, address: string): void {
    this.#demux.noteOutgoingStun(endpoint, datagram);
    this.send(datagram, port, address);
  }

  /** Closes the port. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#socket?.close();
  }

  async #open({ address, port, log }: UdpMuxOptions): Promise<void> {
    if (this.#engine.problem !== undefined) {
      log.warn({}, `UDP takes several times the CPU it could: ${this.#engine.problem}`);
    }
    try {
      this.#socket = await this.#engine.engine.open({
        address,
        port,
        onDatagram: (datagram) => {
          this.#receive(datagram);
        },
        onFailure: (reason, count) => {
          this.#drops.add(reason, count);
        },
        onError: (error) => {
          log.warn({ err: error }, 'media socket error');
        },
      });
    } catch (cause) {
      const target = formatEndpoint(address, port);
      const why = isErrno(cause, 'EADDRINUSE') ? 'another program has it' : String(cause);
      throw new AdapterError(`The media port udp ${target} cannot be opened: ${why}.`, {
        operation: 'bind',
        target,
        cause,
      });
    }
    this.#port = this.#socket.port;
  }

  #receive(datagram: Datagram): void {
    try {
      this.#demux.receive(datagram.view(), datagram.address, datagram.port);
    } catch {
      // A datagram must not end the process, whatever it is.
      this.#drops.add('handler-failed');
    }
  }
}
