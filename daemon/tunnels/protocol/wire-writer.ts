/** Writes the protobuf wire format. The caller is ours, so values are trusted to fit their types. */
import { WIRE_TYPE } from './wire-reader.ts';

export class WireWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  tag(number: number, wireType: number): void {
    this.varint((number << 3) | wireType);
  }

  /** `value` is not negative. */
  varint(value: number | bigint): void {
    let rest = BigInt(value);
    const bytes: number[] = [];
    while (rest > 0x7fn) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#push(Uint8Array.from(bytes));
  }

  fixed32(value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.#push(bytes);
  }

  /** A length-delimited field with its tag. */
  bytes(number: number, value: Uint8Array): void {
    this.tag(number, WIRE_TYPE.bytes);
    this.varint(value.length);
    this.#push(value);
  }

  string(number: number, value: string): void {
    this.bytes(number, Buffer.from(value, 'utf8'));
  }

  /** A nested message: whatever `fill` writes, with tag and length before it. */
  nested(number: number, fill: (writer: WireWriter) => void): void {
    const inner = new WireWriter();
    fill(inner);
    this.bytes(number, inner.finish());
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts, this.#length);
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }
}
