/**
 * Puts a client's handshake in order (RFC 6347 sections 4.2.2 and 4.2.3) before werift sees it. werift 0.25.2 takes
 * messages as they come: on a path that reorders or loses one datagram of the client's last flight it computes wrong
 * keys, or ends the handshake. Here messages are put together from their fragments and passed on by `message_seq`,
 * each once; what is encrypted waits for the message that ends the flight. Sans-IO.
 */

const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const CERTIFICATE_VERIFY = 15;
const RECORD_HEADER = 13;
const MESSAGE_HEADER = 12;
const DTLS_1_2 = 0xfefd;

/** A client's certificate with its chain; a record holds 2^14 bytes. */
const MAX_MESSAGE_BYTES = 16_000;
/** A flight has five messages at most. */
const MAX_AHEAD = 6;
const MAX_WAITING_RECORDS = 16;

type Message = { type: number; body: Buffer; covered: [from: number, to: number][] };

export class DtlsOrder {
  #next = 0;
  #isFlightWhole = false;
  readonly #messages = new Map<number, Message>();
  #encrypted: Buffer[] = [];

  /** @returns what may be worked on now, in order: datagrams of one record each. */
  take(datagram: Buffer): Buffer[] {
    const ready: Buffer[] = [];
    for (let at = 0; at + RECORD_HEADER <= datagram.length;) {
      const end = at + RECORD_HEADER + datagram.readUInt16BE(at + 11);
      if (end > datagram.length) break;
      this.#takeRecord(datagram.subarray(at, end), ready);
      at = end;
    }
    return ready;
  }

  #takeRecord(record: Buffer, ready: Buffer[]): void {
    const type = record.readUInt8(0);
    const isPlain = record.readUInt16BE(3) === 0;
    if (isPlain && type === HANDSHAKE) {
      this.#takeFragments(record, ready);
      this.#passOn(ready);
    } else if (isPlain || this.#isFlightWhole) {
      // The change of the cipher says nothing that the first encrypted record does not say.
      if (type !== CHANGE_CIPHER_SPEC) ready.push(record);
    } else if (this.#encrypted.length < MAX_WAITING_RECORDS) this.#encrypted.push(Buffer.from(record));
  }

  #takeFragments(record: Buffer, ready: Buffer[]): void {
    for (let at = RECORD_HEADER; at + MESSAGE_HEADER <= record.length;) {
      const type = record.readUInt8(at);
      const length = record.readUIntBE(at + 1, 3);
      const number = record.readUInt16BE(at + 4);
      const from = record.readUIntBE(at + 6, 3);
      const to = from + record.readUIntBE(at + 9, 3);
      const start = at + MESSAGE_HEADER;
      at = start + to - from;
      if (at > record.length || to > length || length > MAX_MESSAGE_BYTES) return;
      if (number < this.#next) {
        // Our answer to it was lost. Of later flights the encrypted end says that.
        if (type === CLIENT_HELLO && from === 0 && to === length) {
          ready.push(recordOf(type, number, record.subarray(start, at)));
        }
        continue;
      }
      if (number >= this.#next + MAX_AHEAD) continue;
      const known = this.#messages.get(number);
      const message = known ?? { type, body: Buffer.alloc(length), covered: [] };
      if (message.type !== type || message.body.length !== length) continue;
      record.copy(message.body, from, start, at);
      message.covered = join(message.covered, from, to);
      this.#messages.set(number, message);
    }
  }

  #passOn(ready: Buffer[]): void {
    for (;;) {
      const message = this.#messages.get(this.#next);
      if (message === undefined) return;
      const [first] = message.covered;
      if (first?.[0] !== 0 || first[1] !== message.body.length) return;
      this.#messages.delete(this.#next);
      ready.push(recordOf(message.type, this.#next, message.body));
      this.#next += 1;
      if (message.type !== CERTIFICATE_VERIFY) continue;
      this.#isFlightWhole = true;
      ready.push(...this.#encrypted);
      this.#encrypted = [];
    }
  }
}

/** Ranges in order, none touching another. */
function join(ranges: [number, number][], from: number, to: number): [number, number][] {
  const sorted = [...ranges, [from, to] as [number, number]].sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && range[0] <= last[1]) last[1] = Math.max(last[1], range[1]);
    else joined.push([...range]);
  }
  return joined.slice(0, 64);
}

/** One whole message as a record; werift reads no record number before encryption. */
function recordOf(type: number, number: number, body: Buffer): Buffer {
  const record = Buffer.alloc(RECORD_HEADER + MESSAGE_HEADER + body.length);
  record.writeUInt8(HANDSHAKE, 0);
  record.writeUInt16BE(DTLS_1_2, 1);
  record.writeUIntBE(number, 5, 6);
  record.writeUInt16BE(MESSAGE_HEADER + body.length, 11);
  record.writeUInt8(type, RECORD_HEADER);
  record.writeUIntBE(body.length, RECORD_HEADER + 1, 3);
  record.writeUInt16BE(number, RECORD_HEADER + 4);
  record.writeUIntBE(body.length, RECORD_HEADER + 9, 3);
  body.copy(record, RECORD_HEADER + MESSAGE_HEADER);
  return record;
}
