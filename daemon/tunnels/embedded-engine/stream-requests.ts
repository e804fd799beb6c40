/**
 * Streams the engine has asked cameras for and that have not arrived. A camera proves a stream with its
 * id and single-use secret on a new connection; at most a few requests are open at one camera at a
 * time, the rest wait here. No I/O.
 */
import type { Duplex } from 'node:stream';
import type { Cancel, Clock } from '../../kit/clock.ts';
import { AdapterError } from '../../kit/errors.ts';
import { equalInConstantTime, randomToken } from '../../kit/secret.ts';
import { LIMITS } from './limits.ts';
import type { Tunnel } from './tunnel.ts';

type StreamRequest = {
  id: string;
  secret: string;
  tunnel: Tunnel;
  resolve: (stream: Duplex) => void;
  reject: (error: Error) => void;
  /** Ends the caller's wait; the request itself stays asked until its own deadline. */
  cancelWait: Cancel;
  cancelDeadline: Cancel | undefined;
  /** False once the caller has gone: a stream that still comes is closed. */
  wanted: boolean;
};
type ClientQueue = { asked: Map<string, StreamRequest>; waiting: StreamRequest[] };

/** Sends ProxyConnReq on a control channel. */
export type AskForStream = (tunnel: Tunnel, streamId: string, secret: string) => void;

export class StreamRequests {
  readonly #clock: Clock;
  readonly #ask: AskForStream;
  readonly #queues = new Map<string, ClientQueue>();
  readonly #asked = new Map<string, StreamRequest>();

  constructor(options: { clock: Clock; ask: AskForStream }) {
    this.#clock = options.clock;
    this.#ask = options.ask;
  }

  /** Requests of a tunnel whose caller still waits. */
  count(tunnel: Tunnel): number {
    const queue = this.#queues.get(tunnel.clientId);
    if (queue === undefined) return 0;
    return [...queue.asked.values(), ...queue.waiting].filter(
      (request) => request.tunnel.id === tunnel.id && request.wanted,
    ).length;
  }

  /** Asks the camera for a stream. Rejects with AdapterError: refused, gone, too many, or too late. */
  request(tunnel: Tunnel, timeoutMs: number): Promise<Duplex> {
    const queue: ClientQueue = this.#queues.get(tunnel.clientId) ?? { asked: new Map(), waiting: [] };
    this.#queues.set(tunnel.clientId, queue);
    return new Promise((resolve, reject) => {
      if (queue.waiting.length >= LIMITS.maxQueuedStreams) {
        reject(failed(tunnel, 'too many streams wait for the camera'));
        return;
      }
      const request: StreamRequest = {
        id: randomToken(16),
        secret: randomToken(32),
        tunnel,
        resolve,
        reject,
        cancelWait: this.#clock.after(timeoutMs, () => {
          this.#giveUp(request);
        }),
        cancelDeadline: undefined,
        wanted: true,
      };
      queue.waiting.push(request);
      this.#advance(queue);
    });
  }

  /**
   * A camera presents a stream. The request is used up by the right secret only, so that a guess
   * cannot take it away.
   */
  claim(streamId: string, secret: string): { tunnel: Tunnel; accept: (stream: Duplex) => void } | undefined {
    const request = this.#asked.get(streamId);
    if (request === undefined || !equalInConstantTime(request.secret, secret)) return undefined;
    this.#finish(request);
    if (!request.wanted) return undefined;
    return { tunnel: request.tunnel, accept: request.resolve };
  }

  /** The camera says it cannot open the stream. Ids of other clients' streams are ignored. */
  refuse(clientId: string, streamId: string): void {
    const request = this.#asked.get(streamId);
    if (request?.tunnel.clientId !== clientId) return;
    this.#finish(request);
    request.reject(failed(request.tunnel, 'the camera refused the stream'));
  }

  /** The tunnel is gone: nothing of it can arrive any more. */
  dropTunnel(tunnel: Tunnel): void {
    const queue = this.#queues.get(tunnel.clientId);
    if (queue === undefined) return;
    const gone = (request: StreamRequest): boolean => request.tunnel.id === tunnel.id;
    const dropped = [...queue.waiting.filter(gone), ...[...queue.asked.values()].filter(gone)];
    queue.waiting = queue.waiting.filter((request) => !gone(request));
    for (const request of dropped) {
      this.#finish(request);
      request.reject(failed(request.tunnel, 'the tunnel was closed'));
    }
  }

  #advance(queue: ClientQueue): void {
    while (queue.asked.size < LIMITS.maxAskedStreams) {
      const request = queue.waiting.shift();
      if (request === undefined) return;
      queue.asked.set(request.id, request);
      this.#asked.set(request.id, request);
      request.cancelDeadline = this.#clock.after(LIMITS.streamDeadlineMs, () => {
        this.#finish(request);
        request.reject(failed(request.tunnel, 'the camera did not open the stream in time'));
      });
      this.#ask(request.tunnel, request.id, request.secret);
    }
  }

  /** The caller's time is over. An asked request keeps its place at the camera: it may still come. */
  #giveUp(request: StreamRequest): void {
    request.wanted = false;
    request.reject(failed(request.tunnel, 'the camera did not open the stream in time'));
    const queue = this.#queues.get(request.tunnel.clientId);
    if (queue === undefined || queue.asked.has(request.id)) return;
    queue.waiting = queue.waiting.filter((other) => other !== request);
    this.#forgetEmpty(request.tunnel.clientId, queue);
  }

  #finish(request: StreamRequest): void {
    request.cancelWait();
    request.cancelDeadline?.();
    this.#asked.delete(request.id);
    const queue = this.#queues.get(request.tunnel.clientId);
    if (queue === undefined) return;
    queue.asked.delete(request.id);
    this.#advance(queue);
    this.#forgetEmpty(request.tunnel.clientId, queue);
  }

  #forgetEmpty(clientId: string, queue: ClientQueue): void {
    if (queue.asked.size === 0 && queue.waiting.length === 0) this.#queues.delete(clientId);
  }
}

function failed(tunnel: Tunnel, message: string): AdapterError {
  return new AdapterError(`No stream to the camera: ${message}`, {
    operation: 'tunnel.dial',
    target: tunnel.name,
    retryable: true,
  });
}
