/**
 * A media session with a camera of the first generation: one WebSocket over a dialled stream. The socket is
 * the session; when it closes, the camera ends the media.
 */
import type { Duplex } from 'node:stream';
import { WebSocket, type RawData } from 'ws';
import type { IceCandidateInit } from '../../contract/ice.ts';
import type { Clock } from '../../kit/clock.ts';
import { messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import {
  MAX_PENDING_CANDIDATES,
  PRODUCER_HOST,
  PRODUCER_MAX_BYTES,
  PRODUCER_TIMEOUT_MS,
  ProducerError,
  type DialProducer,
  type ProducerSession,
} from './producer.ts';
import { WS_PATH, WsProtocol, type WsMeaning } from './ws-protocol.ts';

const PING_EVERY_MS = 20_000;
/** The camera pings every 30 s and sends statistics every second: silence this long is a dead stream. */
const SILENCE_LIMIT_MS = 75_000;
/** What we may have unsent towards a camera; offers are far smaller. */
const MAX_UNSENT_BYTES = 1024 * 1024;

export type WsSessionOptions = { dial: DialProducer; clock: Clock; logger: Logger; timeoutMs?: number };

export class WsSession implements ProducerSession {
  readonly producer = 'ws';
  readonly resource = null;
  readonly closed: Promise<ProducerError>;
  readonly #options: WsSessionOptions;
  readonly #socket: WebSocket;
  readonly #protocol = new WsProtocol();
  readonly #ready = Promise.withResolvers<undefined>();
  readonly #answer = Promise.withResolvers<string>();
  /** The socket is closed: the camera has nothing of this session any more. */
  readonly #gone = Promise.withResolvers<undefined>();
  readonly #resolveClosed: (reason: ProducerError) => void;
  #ended = false;
  #lastHeardMs: number;
  #early: IceCandidateInit[] = [];
  #listener: ((candidate: IceCandidateInit) => void) | undefined;
  #cancelPing: (() => void) | undefined;

  private constructor(stream: Duplex, options: WsSessionOptions) {
    this.#options = options;
    this.#lastHeardMs = options.clock.nowMs();
    const { promise, resolve } = Promise.withResolvers<ProducerError>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    // Nobody may be waiting for them when the session ends.
    this.#ready.promise.catch(() => undefined);
    this.#answer.promise.catch(() => undefined);
    // No Origin header: a producer without its own viewer page takes requests that are not a browser's.
    this.#socket = new WebSocket(`ws://${PRODUCER_HOST}${WS_PATH}`, {
      createConnection: () => stream,
      maxPayload: PRODUCER_MAX_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#listen();
  }

  /** Opens the socket and waits until the camera is ready for an offer. Rejects with a ProducerError. */
  static async open(options: WsSessionOptions): Promise<WsSession> {
    let stream: Duplex;
    try {
      stream = await options.dial();
    } catch (cause) {
      throw new ProducerError('unreachable', `the tunnel could not be dialled: ${messageOf(cause)}`, {
        cause,
      });
    }
    const session = new WsSession(stream, options);
    await session.#within(session.#ready.promise, 'it was not ready for an offer in time');
    return session;
  }

  offer(sdp: string): Promise<string> {
    if (this.#protocol.state !== 'ready') {
      return Promise.reject(new ProducerError('closed', 'the session takes no offer now'));
    }
    this.#send(this.#protocol.offer(sdp));
    return this.#within(this.#answer.promise, 'it did not answer the offer in time');
  }

  addCandidate(candidate: IceCandidateInit): void {
    const frame = this.#protocol.candidate(candidate);
    if (frame !== undefined) this.#send(frame);
  }

  receiveCandidates(listener: (candidate: IceCandidateInit) => void): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const candidate of early) listener(candidate);
  }

  close(): Promise<void> {
    this.#end(new ProducerError('closed', 'closed'));
    return this.#gone.promise;
  }

  /** Never needed: the end of the socket is the end of the session. */
  isKnown(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  detach(): void {
    void this.close();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('message', (data: RawData, isBinary: boolean) => {
      this.#hear();
      if (isBinary) {
        this.#end(new ProducerError('protocol', 'the camera sent a binary frame'));
        return;
      }
      // With the default binaryType every message is one Buffer.
      const meaning = this.#protocol.receive((data as Buffer).toString('utf8'), this.#options.clock.nowMs());
      if (meaning !== undefined) this.#act(meaning);
    });
    socket.on('ping', () => {
      this.#hear();
    });
    socket.on('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0;
      const fault = status === 404 || status === 405 ? 'unsupported' : status >= 500 ? 'busy' : 'refused';
      this.#end(
        new ProducerError(fault, `the camera answered ${String(status)} instead of opening a session`),
      );
    });
    socket.on('error', (cause) => {
      this.#end(
        new ProducerError('unreachable', `the WebSocket to the camera failed: ${cause.message}`, { cause }),
      );
    });
    socket.on('close', (code) => {
      this.#gone.resolve(undefined);
      this.#end(new ProducerError('gone', `the camera closed the session (${String(code)})`));
    });
    this.#schedulePing();
  }

  #act(meaning: WsMeaning): void {
    switch (meaning.type) {
      case 'ready':
        this.#ready.resolve(undefined);
        return;
      case 'answer':
        this.#answer.resolve(meaning.sdp);
        return;
      case 'candidate':
        if (this.#listener !== undefined) this.#listener(meaning.candidate);
        else if (this.#early.length < MAX_PENDING_CANDIDATES) this.#early.push(meaning.candidate);
        return;
      case 'complaint':
        this.#options.logger.info({ text: meaning.text }, 'the camera complains');
        return;
      case 'ended':
        this.#end(meaning.error);
        return;
    }
  }

  #hear(): void {
    this.#lastHeardMs = this.#options.clock.nowMs();
  }

  #schedulePing(): void {
    this.#cancelPing = this.#options.clock.after(PING_EVERY_MS, () => {
      if (this.#options.clock.nowMs() - this.#lastHeardMs >= SILENCE_LIMIT_MS) {
        this.#end(new ProducerError('timeout', 'the camera has been silent'));
        return;
      }
      this.#send(this.#protocol.ping());
      this.#schedulePing();
    });
  }

  #send(frame: string): void {
    if (this.#ended || this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#end(new ProducerError('timeout', 'the camera does not read'));
      return;
    }
    this.#socket.send(frame);
  }

  /** A time limit ends the session: a camera that is late has a session that nobody would close. */
  async #within<Value>(promise: Promise<Value>, lateSentence: string): Promise<Value> {
    const cancel = this.#options.clock.after(this.#options.timeoutMs ?? PRODUCER_TIMEOUT_MS, () => {
      this.#end(new ProducerError('timeout', `the camera is late: ${lateSentence}`));
    });
    try {
      return await promise;
    } finally {
      cancel();
    }
  }

  #end(reason: ProducerError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelPing?.();
    this.#early = [];
    this.#ready.reject(reason);
    this.#answer.reject(reason);
    this.#resolveClosed(reason);
    // Our own end is told in protocol, so that the camera frees its encoder at once; the rest is cut.
    if (reason.fault === 'closed' && this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.close(1000);
      const cancel = this.#options.clock.after(CLOSE_GRACE_MS, () => {
        this.#socket.terminate();
      });
      this.#socket.once('close', cancel);
    } else this.#socket.terminate();
  }
}

const CLOSE_GRACE_MS = 1000;
