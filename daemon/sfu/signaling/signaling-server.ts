/**
 * The WebSocket listener on the shield: `/session` with a ticket the daemon's gateway has signed. It
 * checks who may come in and hands sockets to the sessions; frames are none of its business.
 */
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { SIGNALING_MAX_FRAME_BYTES, type RoomTicket } from '../../contract/signaling.ts';
import { verifyRoomTicket } from '../../credentials/room-ticket.ts';
import { AdapterError, isErrno } from '../../kit/errors.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';
import type { Logger } from '../../kit/logger.ts';
import type { FrameSocket } from './outbox.ts';
import type { ServedSession, Sessions } from './sessions.ts';

const PATH = '/session';
/** Over the contract's cap a frame is refused with an error frame; over this the socket is closed. */
const MAX_MESSAGE_BYTES = SIGNALING_MAX_FRAME_BYTES * 4;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Sockets beyond the session limit: handshakes and resumes under way. */
const SPARE_CONNECTIONS = 64;
/** A peer that does not answer the close frame. */
const CLOSE_TIMEOUT_MS = 5000;
const UNSUPPORTED_DATA = 1003;

export type SignalingServerOptions = {
  /** Port 0 picks a free one (tests); a worker listens on a unix socket. */
  listen: { address: string; port: number } | { path: string };
  namespace: string;
  ticketKey: () => string;
  maxSessions: () => number;
  draining: () => boolean;
  nowMs: () => number;
  sessions: Pick<Sessions<ServedSession>, 'attached' | 'accept'>;
  log: Logger;
};

type Refusal = { status: string; body: string };

export class SignalingServer {
  readonly #options: SignalingServerOptions;
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;

  constructor(options: SignalingServerOptions) {
    this.#options = options;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      clientTracking: true,
    });
    this.#http = createServer((_request, response) => {
      response.writeHead(426, { 'content-type': 'text/plain', connection: 'close' }).end('WebSocket only\n');
    });
    this.#http.headersTimeout = HANDSHAKE_TIMEOUT_MS;
    this.#http.requestTimeout = HANDSHAKE_TIMEOUT_MS;
    this.#http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined); // A client that leaves during the handshake.
      const verdict = this.#admit(request);
      if ('status' in verdict) {
        refuse(socket, verdict);
        return;
      }
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#accept(webSocket, verdict);
      });
    });
    this.#http.on('clientError', (_error, socket) => {
      socket.destroy();
    });
  }

  /** Binds the listener. Rejects with an AdapterError that names address and port, or the path. */
  async open(): Promise<void> {
    const { listen } = this.#options;
    const place = 'path' in listen ? listen : { host: listen.address, port: listen.port, exclusive: true };
    if ('path' in listen) await rm(listen.path, { force: true });
    this.#http.maxConnections = this.#options.maxSessions() * 2 + SPARE_CONNECTIONS;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#http.once('error', reject);
        this.#http.listen(place, () => {
          this.#http.off('error', reject);
          resolve();
        });
      });
    } catch (cause) {
      const target = 'path' in listen ? listen.path : `tcp ${formatEndpoint(listen.address, listen.port)}`;
      const why = isErrno(cause, 'EADDRINUSE') ? 'another program has it' : String(cause);
      throw new AdapterError(`The signaling port ${target} cannot be opened: ${why}.`, {
        operation: 'listen',
        target,
        cause,
      });
    }
    this.#http.on('error', (error) => {
      this.#options.log.warn({ err: error }, 'signaling listener error');
    });
  }

  get port(): number {
    const address = this.#http.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** Closes listener and sockets. Twice is harmless. */
  async close(): Promise<void> {
    for (const socket of this.#webSockets.clients) socket.terminate();
    this.#webSockets.close();
    if (!this.#http.listening) return;
    await new Promise<void>((resolve) => {
      this.#http.close(() => {
        resolve();
      });
      this.#http.closeAllConnections();
    });
  }

  #admit(request: IncomingMessage): RoomTicket | Refusal {
    const options = this.#options;
    let url: URL;
    try {
      url = new URL(request.url ?? '/', 'http://sfu');
    } catch {
      return { status: '400 Bad Request', body: 'The request has no valid URL.' };
    }
    if (url.pathname !== PATH) return { status: '404 Not Found', body: `The only path here is ${PATH}.` };
    const text = url.searchParams.get('ticket') ?? bearerOf(request);
    const ticket =
      text === undefined
        ? undefined
        : verifyRoomTicket(text, {
            key: options.ticketKey(),
            namespace: options.namespace,
            nowMs: options.nowMs(),
          });
    if (ticket === undefined)
      return { status: '401 Unauthorized', body: 'The ticket is missing or not valid.' };
    if (options.draining())
      return { status: '503 Service Unavailable', body: 'This server is about to stop.' };
    const full = options.sessions.attached >= options.maxSessions();
    if (full)
      return { status: '503 Service Unavailable', body: 'This namespace has as many sessions as it may.' };
    return ticket;
  }

  #accept(webSocket: WebSocket, ticket: RoomTicket): void {
    const attachment = this.#options.sessions.accept(frameSocket(webSocket), ticket);
    webSocket.on('message', (data, isBinary) => {
      if (isBinary) {
        webSocket.close(UNSUPPORTED_DATA, 'text frames only');
        return;
      }
      attachment.onText(asText(data));
    });
    webSocket.on('pong', () => {
      attachment.onPong();
    });
    webSocket.on('close', (code) => {
      attachment.onClose(code);
    });
    webSocket.on('error', (error) => {
      this.#options.log.debug({ reason: error.message }, 'signaling socket error'); // 'close' follows.
    });
  }
}

function frameSocket(webSocket: WebSocket): FrameSocket {
  return {
    get bufferedBytes() {
      return webSocket.bufferedAmount;
    },
    send: (text) => {
      // Errors of a dying socket arrive as its 'close'.
      if (webSocket.readyState === WebSocket.OPEN) webSocket.send(text, () => undefined);
    },
    ping: () => {
      if (webSocket.readyState === WebSocket.OPEN) webSocket.ping(undefined, undefined, () => undefined);
    },
    close: (code, reason) => {
      webSocket.close(code, reason);
      const timer = setTimeout(() => {
        webSocket.terminate();
      }, CLOSE_TIMEOUT_MS);
      webSocket.once('close', () => {
        clearTimeout(timer);
      });
    },
  };
}

function bearerOf(request: IncomingMessage): string | undefined {
  return /^Bearer ([A-Za-z0-9_.-]+)$/.exec(request.headers.authorization ?? '')?.[1];
}

function asText(data: Buffer | ArrayBuffer | Buffer[]): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8');
}

function refuse(socket: Duplex, refusal: Refusal): void {
  const { status, body } = refusal;
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\ncontent-length: ${String(Buffer.byteLength(body))}\r\nconnection: close\r\n\r\n${body}`,
  );
}
