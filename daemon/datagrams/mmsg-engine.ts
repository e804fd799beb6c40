/**
 * Datagrams in batches by the addon of `native/datagram.cc`: one call into JavaScript for all that a turn of the
 * event loop received, one system call for all that a socket sends. What is forwarded is not copied.
 */
import { getSystemErrorName } from 'node:util';
import { AddressTexts, AddressWords } from './address-words.ts';
import {
  SOCKET_BUFFER_BYTES,
  type Datagram,
  type DatagramEngine,
  type SendFailure,
  type UdpSocket,
  type UdpSocketOptions,
} from './datagram.ts';
import { SendWatch } from './send-watch.ts';

/** The functions of native/datagram.cc, where the layout of the blocks is described. */
export type Addon = {
  memory: ArrayBuffer;
  received: ArrayBuffer;
  sends: ArrayBuffer;
  control: ArrayBuffer;
  arenaAt: number;
  open(address: string, port: number, bufferBytes: number, offload: boolean): number;
  port(socket: number): number;
  close(socket: number): void;
  flush(): void;
  listen(callback: (received: number, failures: number) => void): void;
};

const RECEIVED = { ints: 9, socket: 0, offset: 1, length: 2, port: 3, address: 4 } as const;
const SEND = { ints: 10, socket: 0, port: 1, address: 2, header: 7, offset: 8, length: 9 } as const;
const CONTROL = { sends: 0, arenaUsed: 1, failures: 2 } as const;
const FAILURE = { ints: 3, socket: 0, full: 1, failed: 2 } as const;
const IPV6 = 0x10000;
const PORT_MASK = 0xffff;
const MAX_DATAGRAM_BYTES = 65_535;

/** The place of the pool that is being looked at: one for all datagrams. */
class PoolDatagram implements Datagram {
  readonly bytes: Buffer;
  start = 0;
  end = 0;
  address = '';
  port = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  view(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  kept(): Buffer {
    return Buffer.from(this.view());
  }
}

export class MmsgEngine implements DatagramEngine {
  readonly name = 'mmsg-addon';
  readonly #addon: Addon;
  readonly #pool: Buffer;
  readonly #received: Int32Array;
  readonly #sends: Int32Array;
  readonly #control: Int32Array;
  readonly #maxSends: number;
  readonly #arenaBytes: number;
  readonly #datagram: PoolDatagram;
  readonly #texts = new AddressTexts();
  readonly #words = new AddressWords();
  /** By the addon's number. */
  readonly #sockets: (MmsgSocket | undefined)[] = [];

  constructor(addon: Addon) {
    this.#addon = addon;
    this.#pool = Buffer.from(addon.memory);
    this.#received = new Int32Array(addon.received);
    this.#sends = new Int32Array(addon.sends);
    this.#control = new Int32Array(addon.control);
    this.#maxSends = Math.floor(this.#sends.length / SEND.ints);
    this.#arenaBytes = addon.memory.byteLength - addon.arenaAt;
    this.#datagram = new PoolDatagram(this.#pool);
    addon.listen((received, failures) => {
      this.#take(received);
      this.#count(failures);
    });
  }

  open(options: UdpSocketOptions): Promise<UdpSocket> {
    const { address, port } = options;
    const opened = this.#addon.open(address, port, SOCKET_BUFFER_BYTES, true);
    if (opened < 0) return Promise.reject(bindError(opened, address, port));
    const socket = new MmsgSocket(this, opened, options);
    this.#sockets[opened] = socket;
    return Promise.resolve(socket);
  }

  portOf(index: number): number {
    return this.#addon.port(index);
  }

  close(index: number): void {
    this.#sockets[index] = undefined;
    this.#addon.close(index);
  }

  /** Copies the bytes: they go out when this turn of the event loop is over. @returns false when they cannot. */
  send(index: number, bytes: Buffer, port: number, address: string): boolean {
    if (bytes.length > MAX_DATAGRAM_BYTES) return false;
    let used = this.#control[CONTROL.arenaUsed] ?? 0;
    if (used + bytes.length > this.#arenaBytes) {
      this.#addon.flush();
      used = 0;
    }
    const offset = this.#addon.arenaAt + used;
    if (!this.#append(index, port, address, 0, offset, bytes.length)) return false;
    // `append` may have sent what lay in the arena, and then counts from 0 again: never below `used`.
    this.#pool.set(bytes, offset);
    this.#control[CONTROL.arenaUsed] = used + bytes.length;
    return true;
  }

  forward(
    index: number,
    datagram: Datagram,
    start: number,
    length: number,
    header: number,
    port: number,
    address: string,
  ): boolean {
    if (datagram.bytes === this.#pool) return this.#append(index, port, address, header, start, length);
    const bytes = Buffer.allocUnsafe(length + 4);
    bytes.writeUInt32BE(header >>> 0, 0);
    bytes.set(datagram.bytes.subarray(start, start + length), 4);
    return this.send(index, header === 0 ? bytes.subarray(4) : bytes, port, address);
  }

  #append(
    index: number,
    port: number,
    address: string,
    header: number,
    offset: number,
    length: number,
  ): boolean {
    const sends = this.#sends;
    const control = this.#control;
    let count = control[CONTROL.sends] ?? 0;
    if (count === this.#maxSends) {
      this.#addon.flush();
      count = 0;
    }
    const at = count * SEND.ints;
    const ipv6 = this.#words.write(address, sends, at + SEND.address);
    if (ipv6 === undefined) return false;
    sends[at + SEND.socket] = index;
    sends[at + SEND.port] = ipv6 ? port | IPV6 : port;
    sends[at + SEND.header] = header;
    sends[at + SEND.offset] = offset;
    sends[at + SEND.length] = length;
    control[CONTROL.sends] = count + 1;
    return true;
  }

  #take(count: number): void {
    const received = this.#received;
    const datagram = this.#datagram;
    for (let at = 0; at < count * RECEIVED.ints; at += RECEIVED.ints) {
      const socket = this.#sockets[received[at + RECEIVED.socket] ?? -1];
      // Closed since.
      if (socket === undefined) continue;
      const port = received[at + RECEIVED.port] ?? 0;
      datagram.start = received[at + RECEIVED.offset] ?? 0;
      datagram.end = datagram.start + (received[at + RECEIVED.length] ?? 0);
      datagram.port = port & PORT_MASK;
      datagram.address = this.#texts.read(received, at + RECEIVED.address, port >= IPV6);
      socket.onDatagram(datagram);
    }
  }

  #count(failures: number): void {
    const control = this.#control;
    for (let entry = 0; entry < failures; entry += 1) {
      const at = CONTROL.failures + entry * FAILURE.ints;
      const socket = this.#sockets[control[at + FAILURE.socket] ?? -1];
      const full = control[at + FAILURE.full] ?? 0;
      const failed = control[at + FAILURE.failed] ?? 0;
      if (full > 0) socket?.onFailure('send-queue-full', full);
      if (failed > 0) socket?.onFailure('send-failed', failed);
    }
  }
}

class MmsgSocket implements UdpSocket {
  readonly onDatagram: (datagram: Datagram) => void;
  readonly onFailure: (reason: SendFailure, count: number) => void;
  readonly #engine: MmsgEngine;
  readonly #index: number;
  #open = true;

  constructor(engine: MmsgEngine, index: number, options: UdpSocketOptions) {
    this.#engine = engine;
    this.#index = index;
    this.onDatagram = options.onDatagram;
    this.onFailure = options.onFailure;
  }

  get port(): number {
    return this.#open ? this.#engine.portOf(this.#index) : 0;
  }

  watch(): SendWatch {
    return SILENT;
  }

  send(bytes: Buffer, port: number, address: string): void {
    if (!this.#open) return;
    if (!this.#engine.send(this.#index, bytes, port, address)) this.onFailure('send-failed', 1);
  }

  sendCopy(bytes: Buffer, port: number, address: string): void {
    this.send(bytes, port, address);
  }

  forward(
    datagram: Datagram,
    start: number,
    length: number,
    header: number,
    port: number,
    address: string,
  ): void {
    if (!this.#open) return;
    const taken = this.#engine.forward(this.#index, datagram, start, length, header, port, address);
    if (!taken) this.onFailure('send-failed', 1);
  }

  close(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#open = false;
    this.#engine.close(this.#index);
    return Promise.resolve();
  }
}

/** The addon counts every failure by itself. */
const SILENT = new SendWatch(() => undefined);

/** As `node:dgram` would have said it. */
function bindError(errno: number, address: string, port: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(errno);
  const error = new Error(`bind ${code} ${address}:${String(port)}`);
  return Object.assign(error, { errno, code, syscall: 'bind', address, port });
}
