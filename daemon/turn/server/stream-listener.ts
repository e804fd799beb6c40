/** A public TCP or TLS listener, with bounds on connections and on TLS handshakes under way. */
import { createServer as createTcpServer, isIPv6, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import type { Cancel, Clock } from '../../kit/clock.ts';
import { InvalidStateError } from '../../kit/errors.ts';
import type { ConnectionLimits, ConnectionSlot } from './connection-limits.ts';
import type { Certificate } from './certificate.ts';
import { StreamClient } from './stream-client.ts';
import type { ListenerOptions } from './udp-listener.ts';
import type { ClientPath } from './client-path.ts';

/** Node's own limit for handshakes is none of ours: `handshakeSeconds` may change while we serve. */
const NO_SOONER_MS = 180_000;

export type StreamListenerOptions = ListenerOptions & {
  transport: 'tcp' | 'tls';
  certificate: Certificate | undefined;
  limits: ConnectionLimits;
  clock: Clock;
  onClientClosed: (client: ClientPath) => void;
};

type Handshake = { slot: ConnectionSlot; cancelTimeout: Cancel };

export class StreamListener {
  readonly #options: StreamListenerOptions;
  readonly #sockets = new Set<Socket>();
  /** By remote address and port, because Node does not tell a TLSSocket's raw socket. */
  readonly #handshakes = new Map<string, Handshake>();
  #server: Server | undefined;
  #tls: TlsServer | undefined;

  constructor(options: StreamListenerOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#server !== undefined;
  }

  async open(): Promise<void> {
    const { address, port, onError } = this.#options;
    const serve = this.#connectionHandler();
    // What is above a bound costs no TLS: a flood of connections is counted away before.
    const server = createTcpServer((socket) => {
      if (this.#count(socket)) serve(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.on('error', (error) => {
        reject(error); // After listening the promise is settled and this does nothing.
        onError(error);
      });
      server.listen({ host: address, port, ipv6Only: isIPv6(address), exclusive: true }, resolve);
    });
    this.#server = server;
  }

  /** New connections get the new certificate, open ones go on. */
  setCertificate(certificate: Certificate): void {
    this.#tls?.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' });
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  /** What is done with a connection that counts. */
  #connectionHandler(): (socket: Socket) => void {
    const { transport, certificate, core } = this.#options;
    if (transport === 'tcp') {
      return (socket) => {
        this.#serve(socket);
      };
    }
    if (certificate === undefined) throw new InvalidStateError('a tls listener needs a certificate');
    const tls = createTlsServer(
      { ...certificate, minVersion: 'TLSv1.2', handshakeTimeout: NO_SOONER_MS },
      (socket) => {
        this.#serve(socket);
      },
    );
    tls.on('tlsClientError', (_error: Error, socket: TLSSocket) => {
      core.drops.add('tls-handshake');
      socket.destroy();
    });
    this.#tls = tls;
    return (socket) => tls.emit('connection', socket);
  }

  /** @returns false when it is above a bound, and gone. */
  #count(socket: Socket): boolean {
    const { limits, core, transport, clock } = this.#options;
    const slot = limits.enter(socket.remoteAddress ?? '', { handshake: transport === 'tls' });
    if (typeof slot === 'string') {
      core.drops.add(slot === 'halfOpenConnections' ? 'half-open-limit' : 'connection-limit');
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    const key = remoteOf(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      slot.leave();
    });
    if (transport !== 'tls') return true;
    const cancelTimeout = clock.after(limits.handshakeMs, () => {
      limits.countEnded('handshakeSeconds');
      socket.destroy();
    });
    const handshake = { slot, cancelTimeout };
    this.#handshakes.set(key, handshake);
    socket.once('close', () => {
      cancelTimeout();
      if (this.#handshakes.get(key) === handshake) this.#handshakes.delete(key);
    });
    return true;
  }

  #serve(socket: Socket): void {
    const handshake = this.#handshakes.get(remoteOf(socket));
    handshake?.cancelTimeout();
    handshake?.slot.established();
    if (socket.destroyed || socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const { id, transport, core, clock, limits, onMessage, onClientClosed } = this.#options;
    new StreamClient(socket, {
      listener: id,
      transport,
      core,
      clock,
      limits,
      onMessage,
      onClose: onClientClosed,
    });
  }
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${String(socket.remotePort ?? 0)}`;
}
