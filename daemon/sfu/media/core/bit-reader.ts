/** Bits, the highest of each byte first, bounds-checked: past the end it reads zeros and says so. */

export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #overrun = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** True when more was read than there is: the values are worthless then. */
  get overrun(): boolean {
    return this.#overrun;
  }

  bit(): number {
    const byte = this.#bytes[this.#at >>> 3];
    if (byte === undefined) {
      this.#overrun = true;
      return 0;
    }
    const bit = (byte >>> (7 - (this.#at & 7))) & 1;
    this.#at += 1;
    return bit;
  }

  /** @param count at most 31. */
  bits(count: number): number {
    let value = 0;
    for (let at = 0; at < count; at += 1) value = value * 2 + this.bit();
    return value;
  }

  skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length * 8) this.#overrun = true;
  }

  /** Unsigned Exp-Golomb code (ITU-T H.264 section 9.1). */
  unsignedGolomb(): number {
    let zeros = 0;
    while (zeros < 32 && !this.#overrun && this.bit() === 0) zeros += 1;
    if (zeros >= 32) this.#overrun = true;
    return this.#overrun ? 0 : 2 ** zeros - 1 + this.bits(zeros);
  }

  /** Signed Exp-Golomb code (ITU-T H.264 section 9.1.1). */
  signedGolomb(): number {
    const code = this.unsignedGolomb();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}

/** Removes emulation prevention bytes (ITU-T H.264 section 7.4.1): 00 00 03 becomes 00 00. */
export function removeEmulationPrevention(nalUnit: Uint8Array): Uint8Array {
  const out = new Uint8Array(nalUnit.length);
  let length = 0;
  let zeros = 0;
  for (const byte of nalUnit) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out[length] = byte;
    length += 1;
  }
  return out.subarray(0, length);
}
