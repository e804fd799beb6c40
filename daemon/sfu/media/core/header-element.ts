/**
 * The one header element that a source hands on to its viewers: the audio level (RFC 6464), or the dependency descriptor
 * of AV1. It is copied once per packet that says something new.
 */
import { findExtension, type RtpHeader } from './rtp-packet.ts';

/** Audio levels: one byte each, never written to. */
const ONE_BYTE = Array.from({ length: 256 }, (_, value) => Buffer.from([value]));

export class HeaderElements {
  #last = Buffer.alloc(0);

  /** @returns its content, which does not change; undefined when the packet has none. */
  take(packet: Buffer, header: RtpHeader, id: number): Buffer | undefined {
    if (header.extensionProfile === 0) return undefined;
    const found = findExtension(packet, header, id);
    if (found === -1) return undefined;
    const at = found >>> 8;
    const bytes = found & 0xff;
    if (bytes === 1) return ONE_BYTE[packet[at] ?? 0];
    // The packets inside a frame say the same.
    if (bytes !== this.#last.length || packet.compare(this.#last, 0, bytes, at, at + bytes) !== 0) {
      this.#last = Buffer.from(packet.subarray(at, at + bytes));
    }
    return this.#last;
  }
}
