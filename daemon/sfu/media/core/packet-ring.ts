/**
 * What one SSRC sent lately, for retransmission: at least a second, at most three, bounded in packets and
 * bytes. Payloads are shared with the source's cache, so an entry is a few numbers and a reference.
 */

const FIRST_CAPACITY = 256;
export const MAX_RING_PACKETS = 4096;
export const MAX_RING_BYTES = 4 * 1024 * 1024;
export const RING_MS = 3000;

export type SentPacket = {
  payload: Buffer;
  marker: boolean;
  timestamp: number;
  /** Last time it left, by whichever way. */
  sentMs: number;
  resends: number;
};

export class PacketRing {
  #slots: (SentPacket | undefined)[] = [];
  /** Free entries are used again: sending allocates nothing once the ring has its size. */
  readonly #spare: SentPacket[] = [];
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

  /** Remembers a packet. Indexes may leave gaps and overtake each other a little. */
  add(index: number, payload: Buffer, marker: boolean, timestamp: number, nowMs: number): void {
    if (this.#slots.length === 0) {
      this.#slots = new Array<SentPacket | undefined>(FIRST_CAPACITY).fill(undefined);
    }
    if (this.#end === this.#oldest || index - this.#oldest >= MAX_RING_PACKETS * 2) {
      this.clear();
      this.#oldest = index;
      this.#end = index;
    }
    if (index < this.#oldest) return;
    this.#trim(nowMs);
    while (index - this.#oldest >= this.#slots.length) {
      if (this.#slots.length < MAX_RING_PACKETS) this.#grow();
      else this.#dropOldest();
    }
    const at = index % this.#slots.length;
    if (this.#slots[at] !== undefined) return;
    const entry = this.#spare.pop();
    if (entry === undefined) {
      this.#slots[at] = { payload, marker, timestamp, sentMs: nowMs, resends: 0 };
    } else {
      entry.payload = payload;
      entry.marker = marker;
      entry.timestamp = timestamp;
      entry.sentMs = nowMs;
      entry.resends = 0;
      this.#slots[at] = entry;
    }
    this.#bytes += payload.length;
    if (index >= this.#end) this.#end = index + 1;
  }

  /** The packet with this index, or undefined when it is gone or was never sent. */
  get(index: number): SentPacket | undefined {
    if (index < this.#oldest || index >= this.#end) return undefined;
    return this.#slots[index % this.#slots.length];
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#spare.length = 0;
    this.#oldest = this.#end;
    this.#bytes = 0;
  }

  #trim(nowMs: number): void {
    while (this.#oldest < this.#end) {
      const oldest = this.#slots[this.#oldest % this.#slots.length];
      if (oldest !== undefined && nowMs - oldest.sentMs <= RING_MS && this.#bytes <= MAX_RING_BYTES) return;
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    const at = this.#oldest % this.#slots.length;
    const entry = this.#slots[at];
    if (entry !== undefined) {
      this.#bytes -= entry.payload.length;
      entry.payload = EMPTY;
      if (this.#spare.length < 64) this.#spare.push(entry);
      this.#slots[at] = undefined;
    }
    this.#oldest += 1;
  }

  #grow(): void {
    const before = this.#slots;
    const after = new Array<SentPacket | undefined>(before.length * 2).fill(undefined);
    for (let index = this.#oldest; index < this.#end; index += 1) {
      after[index % after.length] = before[index % before.length];
    }
    this.#slots = after;
  }
}

const EMPTY = Buffer.alloc(0);
