/**
 * The TLS port of the engine. It finds out what a connection is for, within five seconds and from the
 * first bytes: a frame of rstrm/1 or an HTTP request. ALPN decides alone only when it names one of both.
 */
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Cancel, Clock } from '../../kit/clock.ts';
import { DropCounter } from '../../kit/drop-counter.ts';
import type { Logger } from '../../kit/logger.ts';
import { decodeMessage, FrameReader } from '../protocol/framing.ts';
import { ALPN, type Message } from '../protocol/messages.ts';
import { LIMITS } from './limits.ts';

const HTTP_ALPN = 'http/1.1';

/** PEM texts. `caPem` is the CA cameras must trust, or null when the certificate is publicly trusted. */
export type EngineCertificate = { certPem: string; keyPem: string; caPem: string | null };

export type RefusedConnection = 'too-many' | 'too-many-undecided' | 'tls' | 'no-first-frame' | 'not-a-frame';

export interface ConnectionHandlers {
  /** A connection whose first frame is `first`; `frames` holds the bytes that came behind it. */
  framed(socket: TLSSocket, first: Message, frames: FrameReader): void;
  /** A connection that speaks HTTP/1.1; nothing was taken from it. */
  http(socket: TLSSocket): void;
}

export class TlsListener {
  readonly refused = new DropCounter<RefusedConnection>();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #handlers: ConnectionHandlers;
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  /** Connections in the handshake or before their first bytes, and how many of them come from where. */
  readonly #undecided = new Map<string, { socket: Socket; source: string }>();
  readonly #undecidedFrom = new Map<string, number>();

  constructor(options: {
    certificate: EngineCertificate;
    clock: Clock;
    log: Logger;
    handlers: ConnectionHandlers;
    /** Gives the server its port when it is told to listen; without it, it opens the port itself. */
    lendPort?: ((server: Server) => void) | undefined;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#handlers = options.handlers;
    this.#server = createServer({
      cert: options.certificate.certPem,
      key: options.certificate.keyPem,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [ALPN, HTTP_ALPN],
      handshakeTimeout: LIMITS.handshakeMs,
    });
    options.lendPort?.(this.#server);
    this.#server.maxConnections = LIMITS.maxConnections;
    this.#server.on('drop', () => {
      this.refused.add('too-many');
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#connected(socket);
    });
    this.#server.on('secureConnection', (socket) => {
      this.#secured(socket);
    });
    this.#server.on('tlsClientError', (_error, socket) => {
      this.refused.add('tls');
      socket.destroy();
    });
  }

  /** Listens. @returns the port, also when 0 was asked for. Rejects with the system's error. */
  async open(address: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address, port, backlog: 1024 }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) => {
      this.#log.warn({ err: error }, 'tunnel listener error');
    });
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  /** New connections get this certificate; open ones keep theirs. Throws when the pair does not fit. */
  setCertificate(certificate: EngineCertificate): void {
    this.#server.setSecureContext({
      cert: certificate.certPem,
      key: certificate.keyPem,
      minVersion: 'TLSv1.3',
    });
  }

  /** Takes no new connection from now on. */
  stopAccepting(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Destroys every connection and waits until the port is free. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      // Called with an error when it was closed before; either way nothing is open when it is called.
      this.#server.close(() => {
        resolve();
      });
    });
    for (const socket of this.#sockets) socket.destroy();
    for (const { socket } of this.#undecided.values()) socket.destroy();
    await closed;
  }

  #connected(socket: Socket): void {
    const source = socket.remoteAddress ?? '';
    const fromSource = this.#undecidedFrom.get(source) ?? 0;
    if (this.#undecided.size >= LIMITS.maxUndecided || fromSource >= LIMITS.maxUndecidedPerSource) {
      this.refused.add('too-many-undecided');
      socket.destroy();
      return;
    }
    const key = connectionKey(socket);
    this.#undecided.set(key, { socket, source });
    this.#undecidedFrom.set(source, fromSource + 1);
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // 'close' follows and is what matters.
    socket.on('close', () => {
      this.#decided(key);
    });
  }

  #decided(key: string): void {
    const entry = this.#undecided.get(key);
    if (entry === undefined) return;
    this.#undecided.delete(key);
    const left = (this.#undecidedFrom.get(entry.source) ?? 1) - 1;
    if (left === 0) this.#undecidedFrom.delete(entry.source);
    else this.#undecidedFrom.set(entry.source, left);
  }

  #secured(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // 'close' follows and is what matters.
    socket.on('close', () => this.#sockets.delete(socket));
    this.#awaitFirst(socket);
  }

  #awaitFirst(socket: TLSSocket): void {
    const frames = new FrameReader();
    let role: 'frames' | 'http' | undefined;
    if (socket.alpnProtocol === ALPN) role = 'frames';
    else if (socket.alpnProtocol === HTTP_ALPN) role = 'http';
    const key = connectionKey(socket);
    const settle = (): void => {
      cancel();
      this.#decided(key);
      socket.off('readable', read);
      socket.off('close', cancel);
    };
    const refuse = (reason: RefusedConnection): void => {
      this.refused.add(reason);
      settle();
      socket.destroy();
    };
    const read = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      // A frame's length has two zero bytes first; no HTTP request begins with one.
      role ??= chunk[0] === 0 ? 'frames' : 'http';
      if (role === 'http') {
        settle();
        socket.unshift(chunk);
        this.#handlers.http(socket);
        return;
      }
      frames.push(chunk);
      const frame = frames.next();
      if (frame === undefined) return;
      const decoded = frame === 'too-long' ? undefined : decodeMessage(frame);
      if (decoded?.ok !== true || decoded.message === undefined) {
        refuse('not-a-frame');
        return;
      }
      settle();
      this.#handlers.framed(socket, decoded.message, frames);
    };
    const cancel: Cancel = this.#clock.after(LIMITS.firstFrameMs, () => {
      refuse('no-first-frame');
    });
    socket.on('readable', read);
    socket.on('close', cancel);
  }
}

/** The same for a TCP connection and the TLS connection on it. */
function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress ?? ''}|${String(socket.remotePort)}`;
}
