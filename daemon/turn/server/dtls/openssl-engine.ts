/**
 * The DTLS engine on Node's own OpenSSL, by the addon in `native/`. It is loaded once; where it was not
 * built, or does not fit this Node, there is a reason instead.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isErrno, messageOf } from '../../../kit/errors.ts';
import type { Certificate } from '../certificate.ts';
import type { DtlsEngine, DtlsServer, DtlsSession, DtlsState, SendDatagram } from './dtls-engine.ts';

/** The functions of native/dtls.cc. Numbers name contexts and sessions; results lie in the three buffers. */
type Addon = {
  wire: Buffer;
  plain: Buffer;
  info: Buffer;
  createContext(cert: Buffer, key: Buffer): number;
  freeContext(context: number): void;
  listen(context: number, datagram: Buffer, peer: Buffer): number;
  connect(context: number): number;
  feed(session: number, datagram: Buffer): void;
  write(session: number, message: Buffer): void;
  retransmit(session: number): void;
  close(session: number): void;
};

const FILE = fileURLToPath(new URL('native/build/dtls.node', import.meta.url));
/** Layout of `info`, as in native/dtls.cc. */
const MAX_PARTS = 32;
const INFO = { state: 0, messages: 1, datagrams: 2, lengths: 4 } as const;
const STATES: readonly DtlsState[] = ['handshake', 'open', 'closed', 'closed'];
const MAX_MESSAGE_BYTES = 16_384;
const NOTHING: readonly Buffer[] = [];
const NO_BYTES = Buffer.alloc(0);

let loaded: { engine: DtlsEngine } | { problem: string } | undefined;

/** @returns the engine, or why there is none: a clause that names the remedy. */
export function loadDtlsEngine(): { engine: DtlsEngine } | { problem: string } {
  loaded ??= load();
  return loaded;
}

function load(): { engine: DtlsEngine } | { problem: string } {
  try {
    return { engine: new OpensslEngine(createRequire(import.meta.url)(FILE) as Addon) };
  } catch (error) {
    const reason =
      isErrno(error, 'MODULE_NOT_FOUND') || isErrno(error, 'ERR_DLOPEN_FAILED')
        ? 'the DTLS addon is not built for this Node'
        : `the DTLS addon does not work (${messageOf(error)})`;
    return {
      problem: `${reason}; install g++ (Debian: apt-get install g++) and run scripts/build-native, then start the service again`,
    };
  }
}

class OpensslEngine implements DtlsEngine {
  readonly name = 'openssl-addon';
  readonly #addon: Addon;
  readonly #info: Int32Array;
  #client: number | undefined;

  constructor(addon: Addon) {
    this.#addon = addon;
    const { buffer, byteOffset, byteLength } = addon.info;
    this.#info = new Int32Array(buffer, byteOffset, byteLength / Int32Array.BYTES_PER_ELEMENT);
  }

  createServer(certificate: Certificate): DtlsServer {
    return new OpensslServer(this, this.#addon, this.#info, certificate);
  }

  connect(send: SendDatagram): DtlsSession {
    this.#client ??= this.#addon.createContext(NO_BYTES, NO_BYTES);
    const id = this.#addon.connect(this.#client);
    return new OpensslSession({ addon: this.#addon, info: this.#info, id, send });
  }
}

class OpensslServer implements DtlsServer {
  readonly #engine: DtlsEngine;
  readonly #addon: Addon;
  readonly #info: Int32Array;
  #context: number;

  constructor(engine: DtlsEngine, addon: Addon, info: Int32Array, certificate: Certificate) {
    this.#engine = engine;
    this.#addon = addon;
    this.#info = info;
    this.#context = this.#checkedContext(certificate);
  }

  setCertificate(certificate: Certificate): void {
    const old = this.#context;
    this.#context = this.#checkedContext(certificate);
    this.#addon.freeContext(old);
  }

  accept(datagram: Buffer, peer: string, send: SendDatagram): DtlsSession | undefined {
    return this.#context === 0 ? undefined : this.#accept(this.#context, datagram, peer, send);
  }

  close(): void {
    if (this.#context === 0) return;
    this.#addon.freeContext(this.#context);
    this.#context = 0;
  }

  #accept(context: number, datagram: Buffer, peer: string, send: SendDatagram): DtlsSession | undefined {
    const id = this.#addon.listen(context, datagram, Buffer.from(peer));
    if (id !== 0) return new OpensslSession({ addon: this.#addon, info: this.#info, id, send });
    sendAll(this.#addon, this.#info, send);
    return undefined;
  }

  /** A context whose certificate has served a handshake and one message, in memory. */
  #checkedContext({ cert, key }: Certificate): number {
    const context = this.#addon.createContext(Buffer.from(cert), Buffer.from(key));
    const toServer: Buffer[] = [];
    const toClient: Buffer[] = [];
    const client = this.#engine.connect((datagram) => toServer.push(datagram));
    let server: DtlsSession | undefined;
    let echoed: Buffer | undefined;
    const message = Buffer.from('turnkeep');
    const sendToClient: SendDatagram = (datagram) => toClient.push(datagram);
    // Three round trips: cookie, handshake, message.
    for (let turn = 0; turn < 8 && echoed === undefined; turn += 1) {
      for (const datagram of toServer.splice(0)) {
        if (server === undefined) server = this.#accept(context, datagram, 'self-test', sendToClient);
        else for (const got of server.feed(datagram)) server.write(got);
      }
      for (const datagram of toClient.splice(0)) echoed = client.feed(datagram)[0] ?? echoed;
      if (client.state === 'open' && turn < 7) client.write(message);
    }
    client.close();
    server?.close();
    if (echoed?.equals(message) === true) return context;
    this.#addon.freeContext(context);
    throw new Error('a DTLS handshake with this certificate fails');
  }
}

class OpensslSession implements DtlsSession {
  state: DtlsState = 'handshake';
  readonly #addon: Addon;
  readonly #info: Int32Array;
  readonly #send: SendDatagram;
  readonly #id: number;
  #freed = false;

  /** Takes over what the call that made the session left in the buffers. */
  constructor(options: { addon: Addon; info: Int32Array; id: number; send: SendDatagram }) {
    this.#addon = options.addon;
    this.#info = options.info;
    this.#id = options.id;
    this.#send = options.send;
    this.#settle();
  }

  feed(datagram: Buffer): readonly Buffer[] {
    if (this.#freed || this.state === 'closed') return NOTHING;
    this.#addon.feed(this.#id, datagram);
    const count = this.#info[INFO.messages] ?? 0;
    let messages = NOTHING;
    if (count > 0) {
      const found: Buffer[] = [];
      let at = 0;
      for (let part = 0; part < count; part += 1) {
        const length = this.#info[INFO.lengths + part] ?? 0;
        // A copy: the next call writes to the same memory, and sockets may send later.
        found.push(Buffer.from(this.#addon.plain.subarray(at, at + length)));
        at += length;
      }
      messages = found;
    }
    this.#settle();
    return messages;
  }

  write(message: Buffer): boolean {
    if (this.#freed || this.state !== 'open' || message.length === 0) return false;
    if (message.length > MAX_MESSAGE_BYTES) return false;
    this.#addon.write(this.#id, message);
    this.#settle();
    return true;
  }

  retransmit(): void {
    if (this.#freed || this.state !== 'handshake') return;
    this.#addon.retransmit(this.#id);
    this.#settle();
  }

  close(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.state = 'closed';
    this.#addon.close(this.#id);
    sendAll(this.#addon, this.#info, this.#send);
  }

  #settle(): void {
    this.state = STATES[this.#info[INFO.state] ?? 0] ?? 'closed';
    sendAll(this.#addon, this.#info, this.#send);
  }
}

/** Hands over copies of the datagrams that the last call made. `send` may call the addon again. */
function sendAll(addon: Addon, info: Int32Array, send: SendDatagram): void {
  const count = info[INFO.datagrams] ?? 0;
  if (count === 0) return;
  info[INFO.datagrams] = 0;
  const datagrams: Buffer[] = [];
  let at = 0;
  for (let part = 0; part < count; part += 1) {
    const length = info[INFO.lengths + MAX_PARTS + part] ?? 0;
    datagrams.push(Buffer.from(addon.wire.subarray(at, at + length)));
    at += length;
  }
  for (const datagram of datagrams) send(datagram);
}
