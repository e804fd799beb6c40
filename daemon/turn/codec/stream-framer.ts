/**
 * Cuts a TCP or TLS byte stream into STUN messages and ChannelData (RFC 8656 section 3.7). It holds at
 * most one incomplete frame of at most `maxFrameBytes`, and copies each byte at most once.
 */
import { isChannelData } from './channel-data.ts';

const HEADER_BYTES = 4;
const NO_BYTES = Buffer.alloc(0);

export class StreamFramer {
  /** Frames above it end the stream. Raise it once the client is authenticated. */
  maxFrameBytes: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #frame: Buffer | undefined;
  #filled = 0;
  #broken = false;
  #stopped = false;
  #rest: Buffer = NO_BYTES;

  constructor(options: { maxFrameBytes: number }) {
    this.maxFrameBytes = options.maxFrameBytes;
  }

  /** True after `stop`: bytes are no frames any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** What came in one chunk with the frame that `stop` was called in, behind it: a view of that chunk. */
  get rest(): Buffer {
    return this.#rest;
  }

  /** The frame being handed over is the last one: what follows is raw (RFC 6062 section 5.4). */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Feeds bytes; `onFrame` gets each whole frame, padding included, as a view that is valid until it
   * returns.
   * @returns false when the stream is not TURN or a frame is too long: the connection must be closed.
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): boolean {
    let at = 0;
    while (!this.#broken && !this.#stopped && at < chunk.length) {
      const frame = this.#frame;
      if (frame !== undefined) {
        const copied = chunk.copy(frame, this.#filled, at);
        at += copied;
        this.#filled += copied;
        if (this.#filled === frame.length) {
          this.#frame = undefined;
          onFrame(frame);
        }
        continue;
      }
      // Whole frames inside one chunk are passed on as views.
      if (this.#headerBytes === 0 && chunk.length - at >= HEADER_BYTES) {
        const frameBytes = this.#frameBytes(chunk, at);
        if (frameBytes === undefined) return false;
        if (chunk.length - at >= frameBytes) {
          onFrame(chunk.subarray(at, at + frameBytes));
          at += frameBytes;
          continue;
        }
      }
      const copied = chunk.copy(this.#header, this.#headerBytes, at);
      at += copied;
      this.#headerBytes += copied;
      if (this.#headerBytes === HEADER_BYTES && !this.#begin(onFrame)) return false;
    }
    if (this.#stopped) this.#rest = chunk.subarray(at);
    return !this.#broken;
  }

  #begin(onFrame: (frame: Buffer) => void): boolean {
    const frameBytes = this.#frameBytes(this.#header, 0);
    if (frameBytes === undefined) return false;
    const frame = Buffer.allocUnsafe(frameBytes);
    this.#header.copy(frame);
    this.#headerBytes = 0;
    if (frameBytes === HEADER_BYTES) {
      onFrame(frame);
    } else {
      this.#frame = frame;
      this.#filled = HEADER_BYTES;
    }
    return true;
  }

  #frameBytes(bytes: Buffer, at: number): number | undefined {
    const first = bytes[at] ?? 0xff;
    const length = bytes.readUInt16BE(at + 2);
    const channelData = isChannelData(first);
    const total = channelData ? HEADER_BYTES + ((length + 3) & ~3) : 20 + length;
    if ((!channelData && (first & 0xc0) !== 0) || total > this.maxFrameBytes) {
      this.#broken = true;
      return undefined;
    }
    return total;
  }
}
