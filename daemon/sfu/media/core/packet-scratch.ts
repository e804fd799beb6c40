/**
 * The buffers packets are built in, one set per core: every send is synchronous, so each packet may
 * overwrite the last. Views are kept by length, because making one costs more than a header write.
 */

/** Largest datagram the core builds: above any path MTU of a WebRTC session. */
export const MAX_DATAGRAM_BYTES = 2048;
/** Room for header, extensions, RTX number and authentication tag. */
export const MAX_PAYLOAD_BYTES = MAX_DATAGRAM_BYTES - 400;

export class PacketScratch {
  readonly buffer = Buffer.alloc(MAX_DATAGRAM_BYTES);
  readonly view = new DataView(this.buffer.buffer, this.buffer.byteOffset, MAX_DATAGRAM_BYTES);
  readonly #prefixes: (Buffer | undefined)[] = [];

  /** The first `bytes` bytes. */
  prefix(bytes: number): Buffer {
    return (this.#prefixes[bytes] ??= this.buffer.subarray(0, bytes));
  }
}
