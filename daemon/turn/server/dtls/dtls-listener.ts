/**
 * A public DTLS listener: one UDP socket, one association for each client address that has shown a cookie.
 * A datagram without an association leaves nothing behind; a ClientHello in the name of a live association
 * changes nothing before its own handshake is over.
 */
import type { Cancel, Clock } from '../../../kit/clock.ts';
import { InvalidStateError, messageOf } from '../../../kit/errors.ts';
import { FiveTupleTable } from '../../core/five-tuple-table.ts';
import { CertificateError, type Certificate } from '../certificate.ts';
import type { ClientPath } from '../client-path.ts';
import type { ConnectionLimits } from '../connection-limits.ts';
import type { ListenerOptions } from '../udp-listener.ts';
import type { UdpSocket } from '../../../datagrams/datagram.ts';
import { DtlsClient } from './dtls-client.ts';
import type { DtlsEngine, DtlsServer } from './dtls-engine.ts';

/** How often handshakes are looked at; OpenSSL's first retransmission is due after a second. */
const HANDSHAKE_TICK_MS = 250;
/** First bytes of a record: type, version (2), epoch (2), sequence (6), length (2); then the message. */
const RECORD = { changeCipherSpec: 20, handshake: 22, epochAt: 3, headerBytes: 13 } as const;
const CLIENT_HELLO = 1;

export type DtlsListenerOptions = ListenerOptions & {
  engine: DtlsEngine;
  certificate: Certificate | undefined;
  limits: ConnectionLimits;
  clock: Clock;
  onClientClosed: (client: ClientPath) => void;
};

type From = { address: string; port: number };

export class DtlsListener {
  readonly #options: DtlsListenerOptions;
  readonly #clients = new FiveTupleTable<DtlsClient>();
  readonly #handshakes = new Set<DtlsClient>();
  #server: DtlsServer | undefined;
  #socket: UdpSocket | undefined;
  #cancelTick: Cancel | undefined;

  constructor(options: DtlsListenerOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Rejects with the system error, or with a CertificateError: the engine's reason against the certificate. */
  async open(): Promise<void> {
    const { address, port, core, onError, engine, certificate, datagrams } = this.#options;
    if (certificate === undefined) throw new InvalidStateError('a dtls listener needs a certificate');
    try {
      this.#server = engine.createServer(certificate);
    } catch (cause) {
      throw new CertificateError(
        `DTLS cannot use the certificate (${messageOf(cause)}); give it an ECDSA or RSA key`,
        { cause },
      );
    }
    try {
      this.#socket = await datagrams.open({
        address,
        port,
        onDatagram: (datagram) => {
          const { address, port } = datagram;
          this.#receive(datagram.view(), { address, port });
        },
        onFailure: (reason, count) => {
          core.drops.add(reason, count);
        },
        onError,
      });
    } catch (error) {
      this.#server.close();
      throw error;
    }
  }

  /** New sessions get the new certificate, open ones go on. Throws, and keeps the old, when it cannot serve. */
  setCertificate(certificate: Certificate): void {
    this.#server?.setCertificate(certificate);
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    for (const client of [...this.#clients.values(), ...this.#handshakes]) client.close();
    this.#socket = undefined;
    this.#cancelTick?.();
    await socket.close();
    this.#server?.close();
  }

  #receive(bytes: Buffer, from: From): void {
    const client = this.#clients.get(this.#options.id, from.address, from.port);
    if (client === undefined) {
      if (isClientHello(bytes)) this.#accept(bytes, from);
      else this.#options.core.drops.add('dtls-no-session');
    } else if (!client.isOpen) {
      client.receive(bytes);
    } else if (client.successor !== undefined && isHandshake(bytes)) {
      client.successor.receive(bytes);
    } else if (isClientHello(bytes)) {
      client.successor = this.#accept(bytes, from, client);
    } else {
      client.receive(bytes);
    }
  }

  /** @param predecessor the open association of this address, which the new one may replace. */
  #accept(bytes: Buffer, from: From, predecessor?: DtlsClient): DtlsClient | undefined {
    const { id, core, clock, limits, onMessage, onClientClosed } = this.#options;
    const socket = this.#socket;
    if (socket === undefined) return undefined;
    const slot = limits.enter(from.address, { handshake: true });
    if (typeof slot === 'string') {
      core.drops.add(slot === 'halfOpenConnections' ? 'half-open-limit' : 'connection-limit');
      return undefined;
    }
    const watch = socket.watch();
    const session = this.#server?.accept(bytes, `${from.address} ${String(from.port)}`, (datagram) => {
      socket.send(datagram, from.port, from.address, watch.next());
    });
    if (session === undefined) {
      slot.leave();
      return undefined;
    }
    const client: DtlsClient = new DtlsClient({
      listener: id,
      address: from.address,
      port: from.port,
      session,
      slot,
      limits,
      core,
      clock,
      onMessage,
      onOpen: () => {
        this.#handshakes.delete(client);
        if (predecessor === undefined) return;
        predecessor.successor = undefined;
        predecessor.close();
        this.#clients.set(client, client);
      },
      onClose: () => {
        this.#handshakes.delete(client);
        if (predecessor?.successor === client) predecessor.successor = undefined;
        if (this.#clients.of(client) !== client) return;
        this.#clients.delete(client);
        onClientClosed(client);
      },
    });
    if (session.state === 'closed') {
      client.close(); // Its alert is out: no version or cipher in common.
      return undefined;
    }
    if (predecessor === undefined) this.#clients.set(client, client);
    this.#handshakes.add(client);
    this.#armTick();
    return client;
  }

  #armTick(): void {
    this.#cancelTick ??= this.#options.clock.after(HANDSHAKE_TICK_MS, () => {
      this.#cancelTick = undefined;
      const { clock, limits } = this.#options;
      const oldestMs = clock.nowMs() - limits.handshakeMs;
      for (const client of this.#handshakes) {
        if (client.startedAtMs >= oldestMs) {
          client.retransmit();
          continue;
        }
        limits.countEnded('handshakeSeconds');
        client.close();
      }
      if (this.#handshakes.size > 0) this.#armTick();
    });
  }
}

/** A whole ClientHello in the clear, at the start of the datagram. */
function isClientHello(bytes: Buffer): boolean {
  return (
    bytes.length > RECORD.headerBytes &&
    bytes[0] === RECORD.handshake &&
    bytes[RECORD.epochAt] === 0 &&
    bytes[RECORD.epochAt + 1] === 0 &&
    bytes[RECORD.headerBytes] === CLIENT_HELLO
  );
}

/** What only a handshake sends; Finished is encrypted and so of a later epoch. */
function isHandshake(bytes: Buffer): boolean {
  return bytes[0] === RECORD.handshake || bytes[0] === RECORD.changeCipherSpec;
}
