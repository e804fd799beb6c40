/**
 * A camera of either generation, in this process, behind duplex streams that are not sockets: what it is
 * asked is recorded, what it answers is up to the test.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { duplexPair, type Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';

export type Exchange = {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
};
export type Reply = { status: number; headers?: Record<string, string>; body?: string };

export const ANSWER = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n';
export const OFFER = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'c=IN IP4 0.0.0.0',
  'a=mid:0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  'a=rtcp-mux',
  'a=recvonly',
  '',
].join('\r\n');

export class FakeProducer {
  readonly exchanges: Exchange[] = [];
  /** Frames that clients sent on `/ws`. */
  readonly frames: unknown[] = [];
  readonly sockets: WebSocket[] = [];
  readonly upgrades: IncomingMessage[] = [];
  dials = 0;
  /** Answers an HTTP request; `undefined` leaves it without an answer. */
  onRequest: (exchange: Exchange, response: ServerResponse) => Reply | undefined | Promise<Reply | undefined>;
  onSocket: (socket: WebSocket) => void;
  onFrame: (frame: { type: string }, socket: WebSocket) => void = () => undefined;
  readonly #http: Server;
  readonly #ws = new WebSocketServer({ noServer: true });
  readonly #streams = new Set<Duplex>();
  #waiting: (() => void)[] = [];

  private constructor() {
    this.onRequest = () => ({ status: 404 });
    this.onSocket = () => undefined;
    this.#http = createServer((request, response) => {
      void this.#serve(request, response);
    });
    this.#http.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      this.upgrades.push(request);
      if (request.url !== '/ws') {
        stream.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        return;
      }
      this.#ws.handleUpgrade(request, stream, head, (socket) => {
        this.sockets.push(socket);
        socket.on('message', (data) => {
          const frame = JSON.parse((data as Buffer).toString()) as { type: string };
          this.frames.push(frame);
          this.onFrame(frame, socket);
          this.#wake();
        });
        socket.on('close', () => {
          this.#wake();
        });
        this.onSocket(socket);
        this.#wake();
      });
    });
  }

  /** Second generation: WHEP as the real producer answers it. */
  static whep(): FakeProducer {
    const producer = new FakeProducer();
    const sessions = new Map<string, string>();
    let count = 0;
    producer.onRequest = ({ method, url, headers, body }) => {
      if (url === '/whep' && method === 'HEAD') {
        return { status: 200, headers: { 'accept-post': 'application/sdp' } };
      }
      if (url === '/whep' && method === 'POST') {
        if (headers['content-type'] !== 'application/sdp') return { status: 415 };
        if (!body.includes('a=rtcp-mux-only') || !/a=msid:\S+ \S+/.test(body)) return { status: 400 };
        count += 1;
        const id = `s${count}`;
        sessions.set(id, '"e1"');
        const created = { location: `/whep/${id}`, etag: '"e1"', 'content-type': 'application/sdp' };
        return { status: 201, headers: created, body: ANSWER };
      }
      const id = url.slice('/whep/'.length);
      const etag = sessions.get(id);
      if (etag === undefined) return { status: 404 };
      if (method === 'DELETE') {
        sessions.delete(id);
        return { status: 200 };
      }
      if (method === 'OPTIONS') return { status: 200 };
      if (headers['if-match'] === undefined) return { status: 428 };
      return { status: headers['if-match'] === etag ? 204 : 412 };
    };
    producer.sessions = sessions;
    return producer;
  }

  /** First generation: everything but `/ws` is unknown. */
  static ws(): FakeProducer {
    const producer = new FakeProducer();
    producer.onSocket = (socket) => {
      socket.send(JSON.stringify({ type: 'session.ready', viewerId: '0123456789abcdef01234567' }));
      socket.send(JSON.stringify({ type: 'log', message: 'pipeline started' }));
    };
    producer.onFrame = (frame, socket) => {
      if (frame.type === 'ping') socket.send(JSON.stringify({ type: 'pong' }));
      if (frame.type !== 'webrtc.offer') return;
      const candidate = {
        candidate: 'candidate:1 1 udp 1 10.0.0.1 9 typ relay',
        sdpMid: '0',
        sdpMLineIndex: 0,
      };
      // The real one may send candidates before its answer.
      socket.send(JSON.stringify({ type: 'webrtc.candidate', ...candidate }));
      socket.send(JSON.stringify({ type: 'webrtc.answer', sdp: ANSWER }));
      socket.send(JSON.stringify({ type: 'webrtc.candidate', ...candidate, candidate: 'candidate:2' }));
      socket.send(JSON.stringify({ type: 'session.stats', stats: { codec: 'H264' } }));
    };
    return producer;
  }

  /** Open WHEP sessions and their entity tags. */
  sessions = new Map<string, string>();

  /** Our end of a new stream to the camera. */
  readonly dial = (): Promise<Duplex> => {
    this.dials += 1;
    const [near, far] = duplexPair();
    // The end of one half is the end of the other, as with a socket.
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    this.accept(far);
    return Promise.resolve(near);
  };

  /** Serves a stream that came through a tunnel. */
  accept(stream: Duplex): void {
    this.#streams.add(stream);
    stream.on('close', () => {
      this.#streams.delete(stream);
      this.#wake();
    });
    stream.on('error', () => undefined);
    this.#http.emit('connection', stream);
  }

  /** Streams that are open. */
  get open(): number {
    return this.#streams.size;
  }

  get openSockets(): number {
    return this.sockets.filter((socket) => socket.readyState === socket.OPEN).length;
  }

  /** What was asked, as `METHOD path`. */
  get asked(): string[] {
    return this.exchanges.map(({ method, url }) => `${method} ${url}`);
  }

  /** Resolves as soon as the condition holds; looked at after everything that happens to the camera. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  /** Pulls the plug. */
  destroy(): void {
    for (const socket of this.sockets) socket.terminate();
    for (const stream of this.#streams) stream.destroy();
    this.#http.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const exchange = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    this.exchanges.push(exchange);
    this.#wake();
    const reply = await this.onRequest(exchange, response);
    if (reply === undefined) return;
    response.writeHead(reply.status, reply.headers);
    response.end(reply.body);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) setImmediate(resolve);
  }
}

/** What a promise was rejected with, for `t.match`. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return new Error('it did not fail');
}
