/**
 * HTTP/1.1 requests over streams that somebody else dials: one stream at a time, kept alive between the
 * requests of one exchange, because each new stream costs the camera a TLS handshake. Owns the streams it
 * dialled; `close` ends them.
 */
import { Agent, request, type ClientRequest, type ClientRequestArgs, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../kit/clock.ts';
import { messageOf } from '../../kit/errors.ts';
import {
  PRODUCER_HOST,
  PRODUCER_MAX_BYTES,
  PRODUCER_TIMEOUT_MS,
  ProducerError,
  type DialProducer,
} from './producer.ts';
import type { HttpAnswer } from './whep-protocol.ts';

export type StreamHttpOptions = {
  dial: DialProducer;
  clock: Clock;
  timeoutMs?: number;
  maxBodyBytes?: number;
};

export class StreamHttp {
  readonly #agent: StreamAgent;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #maxBodyBytes: number;

  constructor(options: StreamHttpOptions) {
    this.#agent = new StreamAgent(options.dial);
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? PRODUCER_TIMEOUT_MS;
    this.#maxBodyBytes = options.maxBodyBytes ?? PRODUCER_MAX_BYTES;
  }

  /** One request. Rejects with a ProducerError: `unreachable`, `timeout`, or `protocol` when oversized. */
  request(options: {
    method: 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
    path: string;
    headers?: Record<string, string>;
    body?: string;
  }): Promise<HttpAnswer> {
    const body = options.body === undefined ? undefined : Buffer.from(options.body, 'utf8');
    return new Promise((resolve, reject) => {
      const outgoing = request({
        agent: this.#agent,
        host: PRODUCER_HOST,
        method: options.method,
        path: options.path,
        setHost: false,
        headers: {
          host: PRODUCER_HOST,
          ...options.headers,
          ...(body === undefined ? {} : { 'content-length': String(body.length) }),
        },
      });
      const cancel = this.#clock.after(this.#timeoutMs, () => {
        fail(new ProducerError('timeout', `no answer to ${options.method} in time`));
      });
      const fail = (error: ProducerError): void => {
        cancel();
        reject(error);
        outgoing.destroy();
      };
      outgoing.on('error', (cause) => {
        fail(
          new ProducerError('unreachable', `the stream to the camera broke: ${messageOf(cause)}`, { cause }),
        );
      });
      outgoing.on('upgrade', (_response, stream) => {
        stream.destroy();
        fail(new ProducerError('protocol', 'the camera switched protocols unasked'));
      });
      outgoing.on('response', (response) => {
        this.#read(response, fail, (answer) => {
          cancel();
          resolve(answer);
        });
      });
      outgoing.end(body);
    });
  }

  /** Ends the streams, and with them the requests under way. A second call does nothing. */
  close(): void {
    this.#agent.destroy();
  }

  #read(
    response: IncomingMessage,
    fail: (error: ProducerError) => void,
    done: (answer: HttpAnswer) => void,
  ): void {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > this.#maxBodyBytes) {
        fail(new ProducerError('protocol', `the answer is longer than ${String(this.#maxBodyBytes)} bytes`));
      } else chunks.push(chunk);
    });
    response.on('error', (cause) => {
      fail(new ProducerError('unreachable', 'the stream broke within an answer', { cause }));
    });
    response.on('end', () => {
      const headers = Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [
          name,
          Array.isArray(value) ? value.join(', ') : value,
        ]),
      );
      done({ status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString('utf8') });
    });
  }
}

/** An agent whose connections are dialled streams. They need not be sockets, so socket options are left alone. */
class StreamAgent extends Agent {
  readonly #dial: DialProducer;
  #destroyed = false;

  constructor(dial: DialProducer) {
    super({ keepAlive: true, maxSockets: 1, maxTotalSockets: 1 });
    this.#dial = dial;
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const failed = (error: Error): void => callback?.(error, undefined as never);
    this.#dial().then(
      (stream) => {
        if (this.#destroyed) {
          stream.destroy();
          failed(new Error('closed'));
        } else callback?.(null, stream);
      },
      (error: unknown) => {
        failed(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  override keepSocketAlive(): boolean {
    return !this.#destroyed;
  }

  override reuseSocket(_stream: Duplex, outgoing: ClientRequest): void {
    outgoing.reusedSocket = true;
  }

  override destroy(): void {
    this.#destroyed = true;
    super.destroy();
  }
}
