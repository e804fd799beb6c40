/**
 * The header words one SSRC of a downlink writes: a constant part, and for some packets one element of their own that
 * is handed on from the publisher (RFC 8285: one-byte form where all fit, else two-byte form).
 */
import { ONE_BYTE_PROFILE, RTP_FIXED_HEADER_BYTES, TWO_BYTE_PROFILE } from './rtp-packet.ts';

const MAX_ONE_BYTE_ID = 14;
const MAX_ONE_BYTE_LENGTH = 16;
/** Of the element of a packet: what the two-byte form can say, and what room is kept for. */
export const MAX_ELEMENT_BYTES = 255;

/** The constant part of one form. */
type Form = {
  isOneByte: boolean;
  /** The whole block, padded, as 32 bit words. */
  words: readonly number[];
  /** Where another element goes, from the start of the header. */
  endAt: number;
  /** Where the transport-wide number goes; 0 without one. */
  transportNumberAt: number;
};

export type RtpHeaderOptions = {
  payloadType: number;
  ssrc: number;
  mid: string;
  midExtensionId: number | undefined;
  transportCcExtensionId?: number | undefined;
  /** Of the element that single packets carry. */
  elementExtensionId?: number | undefined;
};

export class RtpHeaderTemplate {
  /** Of the packet that is written next. */
  headerBytes: number;
  /** Where the transport-wide number of that packet goes; 0 without one. */
  transportNumberAt: number;
  #payloadType: number;
  readonly #ssrc: number;
  readonly #elementId: number;
  readonly #plain: Form;
  readonly #plainBytes: number;
  readonly #oneByte: Form | undefined;
  readonly #twoByte: Form;
  #form: Form;
  #element: Buffer | undefined;

  /** @throws RangeError for an extension id or MID that cannot be written. */
  constructor(options: RtpHeaderOptions) {
    this.#payloadType = options.payloadType;
    this.#ssrc = options.ssrc;
    this.#elementId = options.elementExtensionId ?? 0;
    const elements = constantElements(options);
    const fits = elements.every(
      ({ id, content }) => id <= MAX_ONE_BYTE_ID && content.length <= MAX_ONE_BYTE_LENGTH,
    );
    const hasNumber = options.transportCcExtensionId !== undefined;
    this.#twoByte = formOf(elements, false, hasNumber);
    this.#oneByte = fits ? formOf(elements, true, hasNumber) : undefined;
    this.#plain = this.#oneByte ?? this.#twoByte;
    this.#plainBytes = RTP_FIXED_HEADER_BYTES + (elements.length === 0 ? 0 : this.#plain.words.length * 4);
    this.#form = this.#plain;
    this.headerBytes = this.#plainBytes;
    this.transportNumberAt = this.#plain.transportNumberAt;
  }

  setPayloadType(payloadType: number): void {
    this.#payloadType = payloadType;
  }

  /** What the next packet says of itself; undefined or too long: nothing. */
  carry(element: Buffer | undefined): void {
    if (element === undefined && this.#element === undefined) return;
    if (element === undefined || this.#elementId === 0 || element.length > MAX_ELEMENT_BYTES) {
      this.#element = undefined;
      this.#form = this.#plain;
      this.headerBytes = this.#plainBytes;
    } else {
      const isShort =
        element.length > 0 && element.length <= MAX_ONE_BYTE_LENGTH && this.#elementId <= MAX_ONE_BYTE_ID;
      const form = (isShort ? this.#oneByte : undefined) ?? this.#twoByte;
      const bytes = form.endAt + (form.isOneByte ? 1 : 2) + element.length;
      this.#element = element;
      this.#form = form;
      this.headerBytes = (bytes + 3) & ~3;
    }
    this.transportNumberAt = this.#form.transportNumberAt;
  }

  /** Writes the header into `out` at `start`. Sequence number and timestamp are taken modulo their size. */
  write(out: DataView, start: number, marker: boolean, sequenceNumber: number, timestamp: number): void {
    out.setUint8(start, this.headerBytes === RTP_FIXED_HEADER_BYTES ? 0x80 : 0x90);
    out.setUint8(start + 1, marker ? this.#payloadType | 0x80 : this.#payloadType);
    out.setUint16(start + 2, sequenceNumber);
    out.setUint32(start + 4, timestamp);
    out.setUint32(start + 8, this.#ssrc);
    if (this.headerBytes === RTP_FIXED_HEADER_BYTES) return;
    const { words } = this.#form;
    for (let at = 0; at < words.length; at += 1) out.setUint32(start + 12 + at * 4, words[at] ?? 0);
    if (this.#element !== undefined) this.#writeElement(out, start, this.#element);
  }

  #writeElement(out: DataView, start: number, element: Buffer): void {
    let at = start + this.#form.endAt;
    if (this.#form.isOneByte) out.setUint8(at, (this.#elementId << 4) | (element.length - 1));
    else {
      out.setUint8(at, this.#elementId);
      at += 1;
      out.setUint8(at, element.length);
    }
    at += 1;
    for (let byte = 0; byte < element.length; byte += 1) out.setUint8(at + byte, element[byte] ?? 0);
    for (at += element.length; at < start + this.headerBytes; at += 1) out.setUint8(at, 0);
    out.setUint16(start + 14, (this.headerBytes - RTP_FIXED_HEADER_BYTES - 4) / 4);
  }
}

type Element = { id: number; content: Buffer };

/** The number first: its place does not depend on the MID. */
function constantElements(options: RtpHeaderOptions): Element[] {
  const { mid, midExtensionId, transportCcExtensionId, elementExtensionId } = options;
  const elements: Element[] = [];
  if (transportCcExtensionId !== undefined) {
    elements.push({ id: transportCcExtensionId, content: Buffer.alloc(2) });
  }
  if (midExtensionId !== undefined) elements.push({ id: midExtensionId, content: Buffer.from(mid, 'utf8') });
  for (const { id, content } of elements) {
    if (!isId(id) || content.length === 0 || content.length > 255) {
      throw new RangeError(`MID "${mid}" cannot be written as extension ${String(id)}`);
    }
  }
  if (elementExtensionId !== undefined && !isId(elementExtensionId)) {
    throw new RangeError(`There is no extension ${String(elementExtensionId)}`);
  }
  return elements;
}

function isId(id: number): boolean {
  return id >= 1 && id <= 255;
}

function formOf(elements: readonly Element[], isOneByte: boolean, hasNumber: boolean): Form {
  const body = Buffer.concat(
    elements.flatMap(({ id, content }) => [
      isOneByte ? Buffer.from([(id << 4) | (content.length - 1)]) : Buffer.from([id, content.length]),
      content,
    ]),
  );
  const count = Math.ceil(body.length / 4);
  const block = Buffer.alloc(4 + count * 4);
  block.writeUInt16BE(isOneByte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE, 0);
  block.writeUInt16BE(count, 2);
  body.copy(block, 4);
  const words: number[] = [];
  for (let at = 0; at < block.length; at += 4) words.push(block.readUInt32BE(at));
  const bodyAt = RTP_FIXED_HEADER_BYTES + 4;
  const transportNumberAt = hasNumber ? bodyAt + (isOneByte ? 1 : 2) : 0;
  return { isOneByte, words, endAt: bodyAt + body.length, transportNumberAt };
}
