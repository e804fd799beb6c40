/**
 * Datagrams in batches by the addon of `native/datagram.cc`: one call into JavaScript for all that a turn of the
 * event loop received, one system call for all that a socket sends. What is forwarded is not copied.
 */
import { getSystemErrorName } from 'node:util';
import { CONTROL, FAILURE, IPV6, PORT_MASK, RECEIVED, type Addon } from './addon-layout.ts';
import { AddressTexts } from './address-words.ts';
import {
  SOCKET_BUFFER_BYTES,
  type Datagram,
  type DatagramEngine,
  type SendFailure,
  type UdpSocket,
  type UdpSocketOptions,
} from './datagram.ts';
import type { SealedFlow, SealKeys } from './sealed-flow.ts';
import { SendList } from './send-list.ts';
import { SrtpContext } from './srtp-contexts.ts';
import { SendWatch } from './send-watch.ts';

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
  readonly sends: SendList;
  readonly #received: Int32Array;
  readonly #control: Int32Array;
  readonly #datagram: PoolDatagram;
  readonly #texts = new AddressTexts();
  /** By the addon's number. */
  readonly #sockets: (MmsgSocket | undefined)[] = [];

  constructor(addon: Addon) {
    this.#addon = addon;
    this.sends = new SendList(addon);
    this.#received = new Int32Array(addon.received);
    this.#control = new Int32Array(addon.control);
    this.#datagram = new PoolDatagram(this.sends.pool);
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

  srtpContext(keys: SealKeys, opens: boolean): SrtpContext | undefined {
    return SrtpContext.open(this.#addon, keys, opens);
  }

  portOf(index: number): number {
    return this.#addon.port(index);
  }

  close(index: number): void {
    this.#sockets[index] = undefined;
    this.#addon.close(index);
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
    if (!this.#engine.sends.send(this.#index, bytes, port, address)) this.onFailure('send-failed', 1);
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
    const taken = this.#engine.sends.forward(this.#index, datagram, start, length, header, port, address);
    if (!taken) this.onFailure('send-failed', 1);
  }

  seal(keys: SealKeys): SealedFlow | undefined {
    return this.#engine.sends.openFlow(this.#index, () => this.#open, keys);
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
