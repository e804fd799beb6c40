/** A public TCP or TLS listener, with bounds on open connections in total and from one address. */
import { createServer as createTcpServer, isIPv6, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import type { Clock } from '../../kit/clock.ts';
import { InvalidStateError } from '../../kit/errors.ts';
import { StreamClient } from './stream-client.ts';
import type { ListenerOptions } from './udp-listener.ts';
import type { ClientPath } from './client-path.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** PEM texts. */
export type Certificate = { cert: string; key: string };

/** Connections of all stream listeners of the service; a handshake under way counts. */
export class ConnectionLimits {
  maxTotal: number;
  maxPerAddress: number;
  #total = 0;
  readonly #byAddress = new Map<string, number>();

  constructor(options: { maxTotal: number; maxPerAddress: number }) {
    this.maxTotal = options.maxTotal;
    this.maxPerAddress = options.maxPerAddress;
  }

  get total(): number {
    return this.#total;
  }

  /** @returns false when a bound is reached; else the caller must `leave` when the socket closes. */
  enter(address: string): boolean {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#total >= this.maxTotal || ofAddress >= this.maxPerAddress) return false;
    this.#total += 1;
    this.#byAddress.set(address, ofAddress + 1);
    return true;
  }

  leave(address: string): void {
    this.#total -= 1;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}

export type StreamListenerOptions = ListenerOptions & {
  transport: 'tcp' | 'tls';
  certificate: Certificate | undefined;
  limits: ConnectionLimits;
  clock: Clock;
  onClientClosed: (client: ClientPath) => void;
};

export class StreamListener {
  readonly #options: StreamListenerOptions;
  readonly #sockets = new Set<Socket>();
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
    const server = this.#createServer();
    // Raw connections are counted before they are served; TLS wraps first and is unwound by destroy().
    const count = (socket: Socket): void => {
      this.#count(socket);
    };
    if (this.#tls === undefined) server.prependListener('connection', count);
    else server.on('connection', count);
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

  #createServer(): Server {
    const { transport, certificate, core } = this.#options;
    if (transport === 'tcp') {
      return createTcpServer((socket) => {
        this.#serve(socket);
      });
    }
    if (certificate === undefined) throw new InvalidStateError('a tls listener needs a certificate');
    this.#tls = createTlsServer(
      { ...certificate, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
      (socket) => {
        this.#serve(socket);
      },
    );
    this.#tls.on('tlsClientError', (_error: Error, socket: TLSSocket) => {
      core.drops.add('tls-handshake');
      socket.destroy();
    });
    return this.#tls;
  }

  #count(socket: Socket): void {
    const { limits, core } = this.#options;
    const address = socket.remoteAddress ?? '';
    if (!limits.enter(address)) {
      core.drops.add('connection-limit');
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      limits.leave(address);
    });
  }

  #serve(socket: Socket): void {
    if (socket.destroyed || socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const { id, transport, core, clock, onMessage, onClientClosed } = this.#options;
    new StreamClient(socket, {
      listener: id,
      transport,
      core,
      clock,
      onMessage,
      onClose: onClientClosed,
    });
  }
}
