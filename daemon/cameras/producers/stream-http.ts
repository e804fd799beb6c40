/**
 * HTTP/1.1 over streams that somebody else dials: one request, one stream. Keeping a stream between the
 * probe and the offer would be no gain: an answer to HEAD without a length ends it in any case.
 */
import { request, type IncomingMessage } from 'node:http';
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

export type StreamHttpOptions = { dial: DialProducer; clock: Clock; timeoutMs?: number };
export type HttpQuestion = {
  method: 'HEAD' | 'OPTIONS' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  headers?: Record<string, string>;
  body?: string;
};

/**
 * Dials, asks, and ends the stream. Rejects with a ProducerError: `unreachable`, `timeout` (over dial and
 * answer together), or `protocol` for an answer that is too long. Redirects are answers like any other.
 */
export function requestOverStream(options: StreamHttpOptions, question: HttpQuestion): Promise<HttpAnswer> {
  const { dial, clock } = options;
  return new Promise((resolve, reject) => {
    let stream: Duplex | undefined;
    let over = false;
    const finish = (settle: () => void): void => {
      if (over) return;
      over = true;
      cancel();
      stream?.destroy();
      settle();
    };
    const fail = (error: ProducerError): void => {
      finish(() => {
        reject(error);
      });
    };
    const cancel = clock.after(options.timeoutMs ?? PRODUCER_TIMEOUT_MS, () => {
      fail(new ProducerError('timeout', `no answer to ${question.method} in time`));
    });
    dial().then(
      (dialled) => {
        stream = dialled;
        if (over) dialled.destroy();
        else
          ask(dialled, question, fail, (answer) => {
            finish(() => {
              resolve(answer);
            });
          });
      },
      (cause: unknown) => {
        fail(
          new ProducerError('unreachable', `the tunnel could not be dialled: ${messageOf(cause)}`, { cause }),
        );
      },
    );
  });
}

function ask(
  stream: Duplex,
  question: HttpQuestion,
  fail: (error: ProducerError) => void,
  done: (answer: HttpAnswer) => void,
): void {
  const body = question.body === undefined ? undefined : Buffer.from(question.body, 'utf8');
  const outgoing = request({
    createConnection: () => stream,
    method: question.method,
    path: question.path,
    setHost: false,
    headers: {
      host: PRODUCER_HOST,
      connection: 'close',
      ...question.headers,
      ...(body === undefined ? {} : { 'content-length': String(body.length) }),
    },
  });
  // Destroying a stream under a request makes it fail late; `fail` knows what is over.
  outgoing.on('error', (cause) => {
    fail(new ProducerError('unreachable', `the stream to the camera broke: ${messageOf(cause)}`, { cause }));
  });
  outgoing.on('upgrade', () => {
    fail(new ProducerError('protocol', 'the camera switched protocols unasked'));
  });
  outgoing.on('response', (response) => {
    read(response, fail, done);
  });
  outgoing.end(body);
}

function read(
  response: IncomingMessage,
  fail: (error: ProducerError) => void,
  done: (answer: HttpAnswer) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= PRODUCER_MAX_BYTES) chunks.push(chunk);
    else fail(new ProducerError('protocol', `the answer is longer than ${String(PRODUCER_MAX_BYTES)} bytes`));
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
