/**
 * Reads the protobuf wire format from one bounded slice. Every length is checked before it is used; a
 * violation throws `WireError`, which `message.ts` turns into a result, so it never leaves this folder.
 */

/** Bytes that are not protobuf. `message` names what was wrong, never the content. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export const WIRE_TYPE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const MAX_FIELD_NUMBER = 0x1fff_ffff;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class WireReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  /** The varint read last, as two unsigned 32-bit halves: most callers need only the low one. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** The next field's number and wire type. */
  tag(): { number: number; wireType: number } {
    this.#varint();
    const number = this.#low >>> 3;
    if (this.#high !== 0 || number === 0 || number > MAX_FIELD_NUMBER)
      throw new WireError('bad field number');
    return { number, wireType: this.#low & 7 };
  }

  bool(): boolean {
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  /** Excess bits are cut off, as the protobuf specification asks. */
  uint32(): number {
    this.#varint();
    return this.#low >>> 0;
  }

  int32(): number {
    this.#varint();
    return this.#low | 0;
  }

  uint64(): bigint {
    this.#varint();
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  /** Little endian. */
  fixed32(): number {
    const at = this.#take(4);
    const bytes = this.#bytes;
    return (
      ((bytes[at] ?? 0) |
        ((bytes[at + 1] ?? 0) << 8) |
        ((bytes[at + 2] ?? 0) << 16) |
        ((bytes[at + 3] ?? 0) << 24)) >>>
      0
    );
  }

  /** A view on a length-delimited field, not a copy. */
  bytes(): Uint8Array {
    const length = this.#length();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Text that must be UTF-8. */
  string(): string {
    try {
      return UTF8.decode(this.bytes());
    } catch (error) {
      if (error instanceof WireError) throw error;
      throw new WireError('text is not UTF-8', { cause: error });
    }
  }

  /** A reader confined to a length-delimited field. */
  nested(): WireReader {
    const length = this.#length();
    const at = this.#take(length);
    return new WireReader(this.#bytes, at, at + length);
  }

  /** Steps over a field nobody knows. Groups (wire types 3 and 4) are not part of this protocol. */
  skip(wireType: number): void {
    if (wireType === WIRE_TYPE.varint) this.#varint();
    else if (wireType === WIRE_TYPE.fixed64) this.#take(8);
    else if (wireType === WIRE_TYPE.bytes) this.#take(this.#length());
    else if (wireType === WIRE_TYPE.fixed32) this.#take(4);
    else throw new WireError('unknown wire type');
  }

  #length(): number {
    this.#varint();
    if (this.#high !== 0) throw new WireError('length beyond the message');
    return this.#low >>> 0;
  }

  #take(length: number): number {
    if (length > this.#end - this.#at) throw new WireError('length beyond the message');
    const at = this.#at;
    this.#at += length;
    return at;
  }

  #varint(): void {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index += 1) {
      const byte = this.#bytes[this.#take(1)] ?? 0;
      const bits = byte & 0x7f;
      const shift = index * 7;
      if (index === 9 && byte > 1) throw new WireError('varint is longer than 64 bits');
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if ((byte & 0x80) === 0) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw new WireError('varint is longer than 64 bits');
  }
}
