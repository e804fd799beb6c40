/**
 * The list of what goes out when the turn of the event loop is over, in the addon's memory: datagrams as they are,
 * parts of received ones, and RTP packets that the addon protects on their way.
 */
import { CONTROL, DESTINATION_INTS, IPV6, MAX_DATAGRAM_BYTES, SEND, type Addon } from './addon-layout.ts';
import { AddressWords } from './address-words.ts';
import type { Datagram } from './datagram.ts';
import { PROFILES } from './srtp-contexts.ts';
import { PATIENT, PICTURE_END, type Pace, type SealedFlow, type SealKeys } from './sealed-flow.ts';

export class SendList {
  /** All of the addon's bytes: receive slots, then the arena. */
  readonly pool: Buffer;
  readonly view: DataView;
  readonly #addon: Addon;
  readonly #sends: Int32Array;
  readonly #control: Int32Array;
  readonly #maxSends: number;
  readonly #arenaBytes: number;
  readonly #words = new AddressWords();
  /** The payload that lies in the arena already, and since which flush. */
  #shared: Buffer | undefined;
  #sharedAt = 0;
  #sharedFlush = 0;

  constructor(addon: Addon) {
    this.#addon = addon;
    this.pool = Buffer.from(addon.memory);
    this.view = new DataView(addon.memory);
    this.#sends = new Int32Array(addon.sends);
    this.#control = new Int32Array(addon.control);
    this.#maxSends = Math.floor(this.#sends.length / SEND.ints);
    this.#arenaBytes = addon.memory.byteLength - addon.arenaAt;
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
    this.pool.set(bytes, offset);
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
    if (datagram.bytes === this.pool) {
      // The bytes stay where the kernel wrote them, which is good for this turn only.
      this.#control[CONTROL.ended] = 1;
      return this.#append(index, port, address, header, start, length);
    }
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
    sends[at + SEND.context] = 0;
    control[CONTROL.sends] = count + 1;
    return true;
  }

  /** @returns undefined when there are too many. @throws RangeError on keys of a wrong length. */
  openFlow(socket: number, isSocketOpen: () => boolean, keys: SealKeys): SealedFlow | undefined {
    const { number, tagBytes } = PROFILES[keys.profile];
    const context = this.#addon.openContext(number, keys.cipherKey, keys.salt, keys.authKey, false);
    return context < 0 ? undefined : new MmsgFlow(this, socket, isSocketOpen, context, tagBytes);
  }

  closeContext(context: number): void {
    this.#addon.closeContext(context);
  }

  /** @returns the five words and whether it is IPv6, after socket and port; undefined when it is no address. */
  destination(index: number, port: number, address: string): Int32Array | undefined {
    const words = new Int32Array(DESTINATION_INTS);
    const ipv6 = this.#words.write(address, words, SEND.address);
    if (ipv6 === undefined) return undefined;
    words[SEND.socket] = index;
    words[SEND.port] = ipv6 ? port | IPV6 : port;
    return words;
  }

  /** See SealedOutlet.add. @param bytes Of the protected packet. */
  seal(
    destination: Int32Array,
    context: number,
    payload: Buffer,
    isShared: boolean,
    bytes: number,
    headerBytes: number,
    rollover: number,
    pace: Pace,
  ): number {
    const control = this.#control;
    const sends = this.#sends;
    if (bytes > MAX_DATAGRAM_BYTES) return -1;
    let count = control[CONTROL.sends] ?? 0;
    let used = control[CONTROL.arenaUsed] ?? 0;
    if (count === this.#maxSends || used + bytes + payload.length > this.#arenaBytes) {
      this.#addon.flush();
      count = 0;
      used = 0;
    }
    const flush = control[CONTROL.flushes] ?? 0;
    let payloadAt = this.#sharedAt;
    if (payload !== this.#shared || !isShared || flush !== this.#sharedFlush) {
      payloadAt = this.#addon.arenaAt + used;
      this.pool.set(payload, payloadAt);
      used += payload.length;
      this.#shared = isShared ? payload : undefined;
      this.#sharedAt = payloadAt;
      this.#sharedFlush = flush;
    }
    const offset = this.#addon.arenaAt + used;
    const at = count * SEND.ints;
    for (let word = 0; word < DESTINATION_INTS; word += 1) sends[at + word] = destination[word] ?? 0;
    sends[at + SEND.header] = 0;
    sends[at + SEND.offset] = offset;
    sends[at + SEND.length] = bytes;
    sends[at + SEND.context] = context;
    sends[at + SEND.rollover] = rollover;
    sends[at + SEND.headerBytes] = headerBytes;
    sends[at + SEND.payload] = payloadAt;
    control[CONTROL.sends] = count + 1;
    control[CONTROL.arenaUsed] = used + bytes;
    if (pace === PATIENT) control[CONTROL.patient] = (control[CONTROL.patient] ?? 0) + 1;
    else if (pace === PICTURE_END) control[CONTROL.ended] = 1;
    return offset;
  }
}

class MmsgFlow implements SealedFlow {
  readonly view: DataView;
  readonly #list: SendList;
  readonly #socket: number;
  readonly #isSocketOpen: () => boolean;
  readonly #tagBytes: number;
  readonly #context: number;
  #destination: Int32Array | undefined;
  #open = true;

  constructor(
    list: SendList,
    socket: number,
    isSocketOpen: () => boolean,
    context: number,
    tagBytes: number,
  ) {
    this.view = list.view;
    this.#list = list;
    this.#socket = socket;
    this.#isSocketOpen = isSocketOpen;
    this.#tagBytes = tagBytes;
    this.#context = context;
  }

  aim(address: string, port: number): boolean {
    this.#destination = this.#list.destination(this.#socket, port, address);
    return this.#destination !== undefined;
  }

  add(payload: Buffer, isShared: boolean, headerBytes: number, rollover: number, pace: Pace): number {
    const destination = this.#destination;
    if (destination === undefined || !this.#open || !this.#isSocketOpen()) return -1;
    const bytes = headerBytes + payload.length + this.#tagBytes;
    const context = this.#context;
    return this.#list.seal(destination, context, payload, isShared, bytes, headerBytes, rollover, pace);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#list.closeContext(this.#context);
  }
}
