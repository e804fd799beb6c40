/**
 * What one SSRC sent lately, for retransmission: at least a second, at most three, bounded in packets and
 * bytes. Payloads are shared with the source's cache, and all else are columns of plain numbers: a hundred
 * viewers remember 80,000 packets, and objects of their own for them would have to be moved by each collection
 * of garbage while packets wait.
 */

const FIRST_CAPACITY = 256;
export const MAX_RING_PACKETS = 4096;
export const MAX_RING_BYTES = 4 * 1024 * 1024;
export const RING_MS = 3000;
/** Of a packet's flags; the rest counts how often it was sent again. */
const MARKER = 0x80;
const MAX_RESENDS = 0x7f;

/** What is known of the packets, by index modulo capacity: a power of two. */
class Columns {
  readonly capacity: number;
  /** Takes an index, of any size, to its place. */
  readonly mask: number;
  readonly payloads: (Buffer | undefined)[];
  /** What the headers said; made with the first that said something. */
  elements: (Buffer | undefined)[] | undefined;
  /** Last time it left, by whichever way. */
  readonly sentMs: Float64Array;
  readonly timestamps: Uint32Array;
  readonly flags: Uint8Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.mask = capacity - 1;
    this.payloads = new Array<Buffer | undefined>(capacity).fill(undefined);
    const numbers = new ArrayBuffer(capacity * 13);
    this.sentMs = new Float64Array(numbers, 0, capacity);
    this.timestamps = new Uint32Array(numbers, capacity * 8, capacity);
    this.flags = new Uint8Array(numbers, capacity * 12, capacity);
  }

  copy(from: Columns, index: number): void {
    const at = index & this.mask;
    const before = index & from.mask;
    this.payloads[at] = from.payloads[before];
    if (from.elements !== undefined) this.say(at, from.elements[before]);
    this.sentMs[at] = from.sentMs[before] ?? 0;
    this.timestamps[at] = from.timestamps[before] ?? 0;
    this.flags[at] = from.flags[before] ?? 0;
  }

  say(at: number, element: Buffer | undefined): void {
    this.elements ??= new Array<Buffer | undefined>(this.capacity).fill(undefined);
    this.elements[at] = element;
  }
}

const NONE = new Columns(0);

export class PacketRing {
  #columns = NONE;
  #oldest = 0;
  #end = 0;
  #bytes = 0;

  /** Bytes of payload referred to. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Distance from the oldest entry to the newest. */
  get span(): number {
    return this.#end - this.#oldest;
  }

  /** Remembers a packet. Indexes may leave gaps and overtake each other a little. @param element of its header. */
  add(
    index: number,
    payload: Buffer,
    element: Buffer | undefined,
    marker: boolean,
    timestamp: number,
    nowMs: number,
  ): void {
    if (this.#columns.capacity === 0) this.#columns = new Columns(FIRST_CAPACITY);
    if (this.#end === this.#oldest || index - this.#oldest >= MAX_RING_PACKETS * 2) {
      this.clear();
      this.#oldest = index;
      this.#end = index;
    }
    if (index < this.#oldest) return;
    this.#trim(nowMs);
    while (index - this.#oldest >= this.#columns.capacity) {
      if (this.#columns.capacity < MAX_RING_PACKETS) this.#grow();
      else this.#dropOldest();
    }
    const columns = this.#columns;
    const at = index & columns.mask;
    if (columns.payloads[at] !== undefined) return;
    columns.payloads[at] = payload;
    if (element !== undefined || columns.elements !== undefined) columns.say(at, element);
    columns.sentMs[at] = nowMs;
    columns.timestamps[at] = timestamp;
    columns.flags[at] = marker ? MARKER : 0;
    this.#bytes += payload.length;
    if (index >= this.#end) this.#end = index + 1;
  }

  /** The payload of the packet with this index, or undefined when it is gone or was never sent. */
  payload(index: number): Buffer | undefined {
    if (index < this.#oldest || index >= this.#end) return undefined;
    return this.#columns.payloads[index & this.#columns.mask];
  }

  // --- of a packet that has a payload here ---

  /** What its header said besides. */
  element(index: number): Buffer | undefined {
    return this.#columns.elements?.[index % this.#columns.capacity];
  }

  marker(index: number): boolean {
    return (this.#flags(index) & MARKER) !== 0;
  }

  /** RTP timestamp: 32 bits. */
  timestamp(index: number): number {
    return this.#columns.timestamps[index & this.#columns.mask] ?? 0;
  }

  /** Last time it left, by whichever way. */
  sentMs(index: number): number {
    return this.#columns.sentMs[index & this.#columns.mask] ?? 0;
  }

  /** How often it left again. */
  resends(index: number): number {
    return this.#flags(index) & MAX_RESENDS;
  }

  noteResend(index: number, nowMs: number): void {
    const at = index & this.#columns.mask;
    this.#columns.sentMs[at] = nowMs;
    if (this.resends(index) < MAX_RESENDS) this.#columns.flags[at] = this.#flags(index) + 1;
  }

  clear(): void {
    this.#columns.payloads.fill(undefined);
    this.#columns.elements?.fill(undefined);
    this.#oldest = this.#end;
    this.#bytes = 0;
  }

  #flags(index: number): number {
    return this.#columns.flags[index & this.#columns.mask] ?? 0;
  }

  #trim(nowMs: number): void {
    while (this.#oldest < this.#end) {
      const at = this.#oldest & this.#columns.mask;
      const isOld =
        this.#columns.payloads[at] === undefined || nowMs - (this.#columns.sentMs[at] ?? 0) > RING_MS;
      if (!isOld && this.#bytes <= MAX_RING_BYTES) return;
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    const at = this.#oldest & this.#columns.mask;
    this.#bytes -= this.#columns.payloads[at]?.length ?? 0;
    this.#columns.payloads[at] = undefined;
    this.#oldest += 1;
  }

  #grow(): void {
    const after = new Columns(this.#columns.capacity * 2);
    for (let index = this.#oldest; index < this.#end; index += 1) after.copy(this.#columns, index);
    this.#columns = after;
  }
}
