/**
 * Sliding window over an ever-growing packet index (RFC 3711 section 3.3.2): remembers which of the
 * newest `size` indexes were seen. Used for SRTP and SRTCP replay and for duplicates behind RTX.
 */
export class ReplayWindow {
  readonly #size: number;
  readonly #bits: Uint32Array;
  #highest = -1;

  /** @param size number of indexes remembered, a power of two and at least 32. */
  constructor(size: number) {
    this.#size = size;
    this.#bits = new Uint32Array(size >>> 5);
  }

  /** Highest index added, or -1. */
  get highest(): number {
    return this.#highest;
  }

  /** True when `index` was seen, or is too old to tell. */
  has(index: number): boolean {
    if (index > this.#highest) return false;
    if (index <= this.#highest - this.#size) return true;
    const at = index % this.#size;
    return (((this.#bits[at >>> 5] ?? 0) >>> (at & 31)) & 1) === 1;
  }

  /** Remembers `index`; one that is older than the window is ignored. */
  add(index: number): void {
    if (index > this.#highest) {
      if (index - this.#highest >= this.#size) this.#bits.fill(0);
      else for (let one = this.#highest + 1; one < index; one += 1) this.#clear(one);
      this.#highest = index;
    } else if (index <= this.#highest - this.#size) {
      return;
    }
    const at = index % this.#size;
    this.#bits[at >>> 5] = (this.#bits[at >>> 5] ?? 0) | (1 << (at & 31));
  }

  #clear(index: number): void {
    const at = index % this.#size;
    this.#bits[at >>> 5] = (this.#bits[at >>> 5] ?? 0) & ~(1 << (at & 31));
  }
}
