/**
 * Frames of rstrm/1: uint32 big-endian length, then one protobuf `Message` of at most 65535 bytes. The
 * reader keeps what follows a frame, because on a proxied connection raw bytes come after the first one.
 */
import { MESSAGES, type Message, type MessageType } from './messages.ts';
import { WIRE_TYPE, WireError, WireReader } from './wire-reader.ts';
import type { MessageSchema } from './schema.ts';
import { WireWriter } from './wire-writer.ts';

export const MAX_PAYLOAD_BYTES = 65_535;
const HEADER_BYTES = 4;

/** `message` is undefined for a frame that says nothing to us: empty, or an unknown member. */
export type DecodeResult = { ok: true; message: Message | undefined } | { ok: false; reason: string };

const TYPES = new Map<number, MessageType>(
  Object.entries(MESSAGES).map(([type, { number }]) => [number, type as MessageType]),
);

/** Decodes one payload. Never throws. Of several members the last one wins; a repeated one merges. */
export function decodeMessage(payload: Uint8Array): DecodeResult {
  const reader = new WireReader(payload);
  let message: Message | undefined;
  try {
    while (!reader.atEnd) {
      const { number, wireType } = reader.tag();
      const type = wireType === WIRE_TYPE.bytes ? TYPES.get(number) : undefined;
      if (type === undefined) {
        reader.skip(wireType);
        continue;
      }
      const schema: MessageSchema<object> = MESSAGES[type].schema;
      const body = schema.read(reader.nested(), message?.type === type ? message.body : undefined);
      message = { type, body };
    }
    return { ok: true, message };
  } catch (error) {
    if (error instanceof WireError) return { ok: false, reason: error.message };
    throw error;
  }
}

/** Encodes one frame, length included. Throws RangeError above the cap: callers bound what they put in. */
export function encodeFrame(message: Message): Buffer {
  const { number, schema } = MESSAGES[message.type];
  const writer = new WireWriter();
  writer.nested(number, (inner) => {
    (schema as MessageSchema<object>).write(inner, message.body);
  });
  const payload = writer.finish();
  if (payload.length > MAX_PAYLOAD_BYTES) throw new RangeError('frame is longer than 65535 bytes');
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  payload.copy(frame, HEADER_BYTES);
  return frame;
}

export class FrameReader {
  #parts: Buffer[] = [];
  #bytes = 0;

  /** Feeds bytes. Call `next()` until it answers undefined before feeding more. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next payload; undefined when more bytes are needed; `too-long` ends the stream's use. */
  next(): Buffer | 'too-long' | undefined {
    if (this.#bytes < HEADER_BYTES) return undefined;
    if ((this.#parts[0]?.length ?? 0) < HEADER_BYTES) this.#join();
    const length = this.#parts[0]?.readUInt32BE(0) ?? 0;
    if (length > MAX_PAYLOAD_BYTES) return 'too-long';
    const end = HEADER_BYTES + length;
    // Joined only when the frame is whole: a frame in one-byte pieces costs one copy, not one a piece.
    if (this.#bytes < end) return undefined;
    const all = this.#join();
    this.#parts = end < all.length ? [all.subarray(end)] : [];
    this.#bytes = all.length - end;
    return all.subarray(HEADER_BYTES, end);
  }

  /** Takes everything that was not read as a frame. */
  takeRest(): Buffer {
    const rest = this.#join();
    this.#parts = [];
    this.#bytes = 0;
    return rest;
  }

  #join(): Buffer {
    const all = this.#parts.length === 1 && this.#parts[0] ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = [all];
    return all;
  }
}
