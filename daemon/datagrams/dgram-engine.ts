/** Datagrams by `node:dgram`: one system call and one report for each, a bounded send queue in user space. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import {
  SOCKET_BUFFER_BYTES,
  type Datagram,
  type DatagramEngine,
  type SendFailure,
  type UdpSocket,
  type UdpSocketOptions,
} from './datagram.ts';
import { SendWatch, type OnSent } from './send-watch.ts';

/** What may wait in user space when the kernel's send buffer is full. */
const MAX_QUEUED_BYTES = 1024 * 1024;
/** Asking for the queue's size costs a call into libuv: every so many packets is often enough. */
const QUEUE_CHECK_EVERY = 32;
const HEADER_BYTES = 4;

export const dgramEngine: DatagramEngine = { name: 'dgram', open, srtpContext: () => undefined };

function open(options: UdpSocketOptions): Promise<UdpSocket> {
  const family = isIPv6(options.address) ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    // Peers and clients are IP literals: answering at once saves a turn of the event loop per packet.
    lookup: (hostname, _options, callback) => {
      callback(null, hostname, family);
    },
  });
  const opened = new DgramSocket(socket, options.onFailure);
  return new Promise((resolve, reject) => {
    socket.on('error', (error) => {
      // Before it is bound this is the answer; after, the promise is settled and reject does nothing.
      reject(error);
      options.onError(error);
    });
    const received = new WholeDatagram();
    socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
      received.set(bytes, from);
      options.onDatagram(received);
    });
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

/** One for all datagrams of a socket: each has a buffer of its own, which is all that outlives the call. */
class WholeDatagram implements Datagram {
  readonly start = 0;
  bytes: Buffer = Buffer.alloc(0);
  address = '';
  port = 0;

  get end(): number {
    return this.bytes.length;
  }

  set(bytes: Buffer, from: RemoteInfo): void {
    this.bytes = bytes;
    this.address = from.address;
    this.port = from.port;
  }

  view(): Buffer {
    return this.bytes;
  }

  kept(): Buffer {
    return this.bytes;
  }
}

class DgramSocket implements UdpSocket {
  readonly #socket: Socket;
  readonly #onFailure: (reason: SendFailure, count: number) => void;
  #open = true;
  #untilCheck = QUEUE_CHECK_EVERY;
  #queueFull = false;
  /** Of what `sendCopy` sends. */
  readonly #watch = this.watch();

  constructor(socket: Socket, onFailure: (reason: SendFailure, count: number) => void) {
    this.#socket = socket;
    this.#onFailure = onFailure;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  watch(): SendWatch {
    return new SendWatch(() => {
      this.#onFailure('send-failed', 1);
    });
  }

  send(bytes: Buffer, port: number, address: string, onSent: OnSent | undefined): void {
    if (!this.#open) return;
    this.#untilCheck -= 1;
    if (this.#untilCheck <= 0) {
      this.#queueFull = this.#socket.getSendQueueSize() > MAX_QUEUED_BYTES;
      // A full queue is looked at for every packet, so that it opens again as soon as it has room.
      this.#untilCheck = this.#queueFull ? 1 : QUEUE_CHECK_EVERY;
    }
    if (this.#queueFull) {
      this.#onFailure('send-queue-full', 1);
      return;
    }
    this.#socket.send(bytes, port, address, onSent);
  }

  sendCopy(bytes: Buffer, port: number, address: string): void {
    // When the kernel's buffer is full Node keeps the buffer itself until it can be sent.
    this.send(Buffer.from(bytes), port, address, this.#watch.next());
  }

  forward(
    datagram: Datagram,
    start: number,
    length: number,
    header: number,
    port: number,
    address: string,
    watch: SendWatch,
  ): void {
    let bytes = datagram.bytes.subarray(start, start + length);
    if (header !== 0) {
      bytes = Buffer.allocUnsafe(HEADER_BYTES + length);
      bytes.writeUInt32BE(header >>> 0, 0);
      bytes.set(datagram.bytes.subarray(start, start + length), HEADER_BYTES);
    }
    this.send(bytes, port, address, watch.next());
  }

  seal(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#open = false;
    return new Promise((resolve) => {
      this.#socket.close(resolve);
    });
  }
}
