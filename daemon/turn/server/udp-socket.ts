/**
 * A UDP socket as the TURN service uses it: bound to one address, large kernel buffers, an error handler
 * for its whole life, a bounded send queue, no name resolution.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { SendWatch, type OnSent } from './send-watch.ts';

/** Kernel buffers; the kernel clamps them to net.core.rmem_max and wmem_max. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** What may wait in user space when the kernel's send buffer is full. */
const MAX_QUEUED_BYTES = 1024 * 1024;
/** Asking for the queue's size costs a call into libuv: every so many packets is often enough. */
const QUEUE_CHECK_EVERY = 32;

export type SendFailure = 'send-queue-full' | 'send-failed';
export type Datagram = (bytes: Buffer, from: { address: string; port: number }) => void;

export class UdpSocket {
  readonly #socket: Socket;
  readonly #onFailure: (reason: SendFailure) => void;
  #open = true;
  #untilCheck = QUEUE_CHECK_EVERY;
  #queueFull = false;

  private constructor(socket: Socket, onFailure: (reason: SendFailure) => void) {
    this.#socket = socket;
    this.#onFailure = onFailure;
  }

  /** Binds. Rejects with the system error; nothing stays open then. */
  static open(options: {
    address: string;
    port: number;
    onDatagram: Datagram;
    /** A send that was given up, for a counter. */
    onFailure: (reason: SendFailure) => void;
    /** An error of the open socket, for a log line. */
    onError: (error: Error) => void;
  }): Promise<UdpSocket> {
    const family = isIPv6(options.address) ? 6 : 4;
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      ipv6Only: family === 6,
      // Peers and clients are IP literals: answering at once saves a turn of the event loop per packet.
      lookup: (hostname, _options, callback) => {
        callback(null, hostname, family);
      },
    });
    const opened = new UdpSocket(socket, options.onFailure);
    return new Promise((resolve, reject) => {
      socket.on('error', (error) => {
        // Before it is bound this is the answer; after, the promise is settled and reject does nothing.
        reject(error);
        options.onError(error);
      });
      socket.on('message', options.onDatagram);
      socket.bind({ address: options.address, port: options.port, exclusive: true }, () => {
        try {
          socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
          socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
        } catch {
          // Smaller buffers lose packets earlier under load; that is no reason not to serve.
        }
        resolve(opened);
      });
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** For a flow of datagrams through this socket: failures it hears of are counted. */
  watch(): SendWatch {
    return new SendWatch(() => {
      this.#onFailure('send-failed');
    });
  }

  /**
   * Sends one datagram to an IP literal; the bytes belong to the socket from now on. Never throws.
   * @param onSent From the flow's watch; without it a failure of this datagram stays unknown.
   */
  send(bytes: Buffer, port: number, address: string, onSent: OnSent | undefined): void {
    if (!this.#open) return;
    this.#untilCheck -= 1;
    if (this.#untilCheck <= 0) {
      this.#queueFull = this.#socket.getSendQueueSize() > MAX_QUEUED_BYTES;
      // A full queue is looked at for every packet, so that it opens again as soon as it has room.
      this.#untilCheck = this.#queueFull ? 1 : QUEUE_CHECK_EVERY;
    }
    if (this.#queueFull) {
      this.#onFailure('send-queue-full');
      return;
    }
    this.#socket.send(bytes, port, address, onSent);
  }

  /** A second call does nothing. */
  close(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#open = false;
    return new Promise((resolve) => {
      this.#socket.close(resolve);
    });
  }
}
