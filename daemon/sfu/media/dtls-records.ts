/**
 * The record numbers of what one DTLS association sends (RFC 6347 section 4.1). With AES-GCM a number that is used
 * twice in one epoch under one key gives the key stream and the authentication key away (RFC 5288 section 3), so
 * nothing may leave that repeats one. Pure.
 */

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
