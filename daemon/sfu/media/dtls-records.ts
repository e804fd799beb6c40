/**
 * The record numbers of what one DTLS association sends (RFC 6347 section 4.1). With AES-GCM a number that is used
 * twice in one epoch under one key gives the key stream and the authentication key away (RFC 5288 section 3), so
 * nothing may leave that repeats one. Pure.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { ReplayWindow } from './core/replay-window.ts';

const HEADER_BYTES = 13;

/** A record number: 16 bit epoch, 48 bit sequence number. */
export type RecordNumber = { epoch: number; sequence: number };

/** The numbers of the records in a datagram. A record that is cut off ends the list. */
export function recordNumbers(datagram: Buffer): RecordNumber[] {
  const numbers: RecordNumber[] = [];
  for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
    numbers.push({ epoch: datagram.readUInt16BE(at + 3), sequence: datagram.readUIntBE(at + 5, 6) });
    at += HEADER_BYTES + datagram.readUInt16BE(at + 11);
  }
  return numbers;
}

/** Watches what is sent. The records of epoch 0 are not encrypted: nothing follows from their numbers. */
export class RecordGuard {
  #epoch = 0;
  #highest = -1;
  /** The handshake's encrypted datagram: a lost one is sent again as it was, which tells nobody anything. */
  #finished: Buffer | undefined;

  /** The last number used in the encrypted epoch; undefined before there was one. */
  get highest(): number | undefined {
    return this.#highest < 0 ? undefined : this.#highest;
  }

  /** @returns false when the datagram would use a number again: it must not be sent. */
  admit(datagram: Buffer): boolean {
    if (this.#finished?.equals(datagram) === true) return true;
    for (const { epoch, sequence } of recordNumbers(datagram)) {
      if (epoch === 0) continue;
      if (epoch < this.#epoch || (epoch === this.#epoch && sequence <= this.#highest)) return false;
      this.#finished ??= Buffer.from(datagram);
      this.#epoch = epoch;
      this.#highest = sequence;
    }
    return true;
  }
}

/** Write keys of one direction (RFC 5246 section 6.3): the AES-128 key and the 4 byte implicit part of the nonce. */
export type RecordKey = { key: Buffer; salt: Buffer };

const APPLICATION_DATA = 23;
const VERSION_1_2 = 0xfefd;
const EPOCH = 1;
const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-128-gcm';
const REPLAY_WINDOW = 1024;
/** A quarter of what RFC 5246 would allow; an association that sends so much ends before. */
const MAX_SEQUENCE = 2 ** 46;

/**
 * Application data of an association whose handshake is over, with AES_128_GCM (RFC 5288, RFC 6347 section 4.1.2): our own
 * record numbers, so that no nonce can come twice, and the replay window that the DTLS library does not have.
 */
export class ApplicationRecords {
  readonly #sendKey: KeyObject;
  readonly #sendSalt: Buffer;
  readonly #receiveKey: KeyObject;
  readonly #receiveSalt: Buffer;
  readonly #replay = new ReplayWindow(REPLAY_WINDOW);
  #sequence: number;

  /** `after`: the last record number of the handshake in this epoch. */
  constructor(options: { send: RecordKey; receive: RecordKey; after: number }) {
    this.#sendKey = createSecretKey(Buffer.from(options.send.key));
    this.#sendSalt = Buffer.from(options.send.salt);
    this.#receiveKey = createSecretKey(Buffer.from(options.receive.key));
    this.#receiveSalt = Buffer.from(options.receive.salt);
    this.#sequence = options.after;
  }

  /** @returns a record of its own, or undefined when the numbers are used up. */
  seal(payload: Buffer): Buffer | undefined {
    if (this.#sequence >= MAX_SEQUENCE) return undefined;
    this.#sequence += 1;
    const record = Buffer.allocUnsafe(HEADER_BYTES + EXPLICIT_NONCE_BYTES + payload.length + TAG_BYTES);
    record[0] = APPLICATION_DATA;
    record.writeUInt16BE(VERSION_1_2, 1);
    record.writeUInt16BE(EPOCH, 3);
    record.writeUIntBE(this.#sequence, 5, 6);
    record.writeUInt16BE(record.length - HEADER_BYTES, 11);
    // The explicit nonce is free as long as it is unique (RFC 5288 section 3): epoch and sequence are.
    record.copy(record, HEADER_BYTES, 3, 11);
    const nonce = Buffer.concat([this.#sendSalt, record.subarray(3, 11)]);
    const cipher = createCipheriv(ALGORITHM, this.#sendKey, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(additionalData(record, payload.length));
    cipher.update(payload).copy(record, HEADER_BYTES + EXPLICIT_NONCE_BYTES);
    cipher.final();
    cipher.getAuthTag().copy(record, record.length - TAG_BYTES);
    return record;
  }

  /** The payloads of a datagram's records; what is forged, repeated or of another kind is left out. */
  open(datagram: Buffer): Buffer[] {
    const payloads: Buffer[] = [];
    for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
      const end = at + HEADER_BYTES + datagram.readUInt16BE(at + 11);
      if (end > datagram.length) break;
      const payload = this.#openRecord(datagram.subarray(at, end));
      if (payload !== undefined) payloads.push(payload);
      at = end;
    }
    return payloads;
  }

  #openRecord(record: Buffer): Buffer | undefined {
    const body = HEADER_BYTES + EXPLICIT_NONCE_BYTES;
    if (record.length < body + TAG_BYTES || record[0] !== APPLICATION_DATA) return undefined;
    if (record.readUInt16BE(3) !== EPOCH) return undefined;
    const sequence = record.readUIntBE(5, 6);
    if (this.#replay.has(sequence)) return undefined;
    const nonce = Buffer.concat([this.#receiveSalt, record.subarray(HEADER_BYTES, body)]);
    const decipher = createDecipheriv(ALGORITHM, this.#receiveKey, nonce, { authTagLength: TAG_BYTES });
    const sealed = record.subarray(body, record.length - TAG_BYTES);
    decipher.setAAD(additionalData(record, sealed.length));
    decipher.setAuthTag(record.subarray(record.length - TAG_BYTES));
    const payload = decipher.update(sealed);
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    this.#replay.add(sequence);
    return payload;
  }
}

/** RFC 5246 section 6.2.3.3: number, type, version and length of the plaintext. */
function additionalData(record: Buffer, length: number): Buffer {
  const data = Buffer.allocUnsafe(13);
  record.copy(data, 0, 3, 11);
  record.copy(data, 8, 0, 3);
  data.writeUInt16BE(length, 11);
  return data;
}
