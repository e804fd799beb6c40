/**
 * The shared media port: one UDP socket on the shield for every peer connection of the process. It
 * binds, sends and closes; who gets a datagram is decided in media-demux.ts.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { DropCounter } from '../../kit/drop-counter.ts';
import { AdapterError, isErrno } from '../../kit/errors.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';
import type { Logger } from '../../kit/logger.ts';
import { MediaDemux, type MuxDrop, type MuxEndpoint } from './media-demux.ts';
import type { MediaPort } from './media-port.ts';
import type { RelaySet } from './relay-set.ts';

/** Asked of the kernel; it grants what net.core.*mem_max allows. One GOP burst to 100 viewers fits. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** What may wait in this process when the kernel's buffer is full: more is late anyway. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;

export type UdpMuxOptions = {
  address: string;
  /** 0 picks a free port (tests). */
  port: number;
  relays: RelaySet;
  probePassword: string;
  log: Logger;
};

export class UdpMux implements MediaPort {
  readonly #socket: Socket;
  readonly #drops = new DropCounter<MuxDrop>();
  readonly #demux: MediaDemux;
  readonly #family: 4 | 6;
  #closed = false;

  private constructor(options: UdpMuxOptions) {
    this.#family = isIPv6(options.address) ? 6 : 4;
    this.#demux = new MediaDemux({
      relays: options.relays,
      probePassword: options.probePassword,
      drops: this.#drops,
      reply: (datagram, port, address) => {
        this.send(datagram, port, address);
      },
    });
    const family = this.#family;
    this.#socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      ipv6Only: family === 6,
      // Targets are addresses, never names. The default lookup answers a tick later.
      lookup: (host, _options, callback) => {
        callback(null, host, family);
      },
    });
    this.#socket.on('message', (datagram, from) => {
      try {
        this.#demux.receive(datagram, from.address, from.port);
      } catch {
        // A datagram must not end the process, whatever it is.
        this.#drops.add('handler-failed');
      }
    });
  }

  /** Binds the port. Rejects with an AdapterError that names address and port. */
  static async open(options: UdpMuxOptions): Promise<UdpMux> {
    const mux = new UdpMux(options);
    const socket = mux.#socket;
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ address: options.address, port: options.port, exclusive: true }, () => {
          socket.off('error', reject);
          resolve();
        });
      });
    } catch (cause) {
      mux.close();
      const target = formatEndpoint(options.address, options.port);
      const why = isErrno(cause, 'EADDRINUSE') ? 'another program has it' : String(cause);
      throw new AdapterError(`The media port udp ${target} cannot be opened: ${why}.`, {
        operation: 'bind',
        target,
        cause,
      });
    }
    socket.on('error', (error) => {
      options.log.warn({ err: error }, 'media socket error');
    });
    try {
      socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
      socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
    } catch (error) {
      options.log.warn({ err: error }, 'media socket keeps its default buffers');
    }
    return mux;
  }

  get address(): string {
    return this.#socket.address().address;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get family(): 4 | 6 {
    return this.#family;
  }

  get demux(): MediaDemux {
    return this.#demux;
  }

  /** What was thrown away, by reason, since the start. */
  get drops(): DropCounter<MuxDrop> {
    return this.#drops;
  }

  /** Sends one datagram to a relay, at once; anything else is refused and counted. Never throws. */
  send(datagram: Buffer, port: number, address: string): void {
    if (this.#closed) return;
    if (!this.#demux.relays.has(address, port)) {
      this.#drops.add('send-not-relay');
      return;
    }
    if (this.#socket.getSendQueueSize() > MAX_QUEUED_BYTES) {
      this.#drops.add('send-queue-full');
      return;
    }
    try {
      // A copy: when the kernel's buffer is full Node keeps the buffer itself until it can be sent, and the
      // media core writes its next packet into the same one.
      this.#socket.send(Buffer.from(datagram), port, address);
    } catch {
      this.#drops.add('send-failed');
    }
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
    try {
      this.#socket.close();
    } catch {
      // It was never bound: nothing to close.
    }
  }
}
