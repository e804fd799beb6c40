/**
 * One request to a tunnel's published host name, passed through a stream of that tunnel. The token is
 * taken out: the camera never sees what a viewer holds.
 */
import {
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import type { HttpTarget } from './http-request.ts';
import { LIMITS } from './limits.ts';

/** Headers of one hop, and what only a proxy may say (RFC 9110 section 7.6.1). */
const NOT_FORWARDED = new Set([
  'authorization',
  'connection',
  'forwarded',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);

/** Passes a plain request on. A failure before the answer is a 502, after it a broken connection. */
export function passRequest(
  stream: Duplex,
  request: IncomingMessage,
  response: ServerResponse,
  target: HttpTarget,
): void {
  const upstream = begin(stream, request, target, {});
  const fail = (): void => {
    stream.destroy();
    if (response.headersSent) response.destroy();
    else
      response
        .writeHead(502, { 'content-type': 'application/json' })
        .end('{"error":"The camera did not answer"}');
  };
  upstream.on('error', fail);
  upstream.setTimeout(LIMITS.responseHeaderMs, fail);
  upstream.on('response', (answer) => {
    upstream.setTimeout(LIMITS.httpIdleMs);
    response.writeHead(answer.statusCode ?? 502, forwarded(answer));
    answer.on('error', fail);
    answer.pipe(response);
  });
  response.on('close', () => stream.destroy());
  request.on('error', fail);
  request.pipe(upstream);
}

/** Passes an upgrade on; after a 101 both sides are joined. */
export function passUpgrade(
  stream: Duplex,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  target: HttpTarget,
): void {
  const upstream = begin(stream, request, target, {
    connection: 'Upgrade',
    upgrade: request.headers.upgrade ?? '',
  });
  const destroy = (): void => {
    stream.destroy();
    socket.destroy();
  };
  socket.on('error', destroy);
  socket.on('close', destroy);
  stream.on('close', destroy);
  upstream.on('error', destroy);
  upstream.setTimeout(LIMITS.responseHeaderMs, destroy);
  upstream.on('response', (answer) => {
    socket.write(headOf(answer, { connection: 'close' }));
    answer.on('error', destroy);
    answer.pipe(socket);
  });
  upstream.on('upgrade', (answer, upstreamSocket: Duplex, upstreamHead: Buffer) => {
    upstream.setTimeout(0);
    socket.write(headOf(answer, { connection: 'Upgrade', upgrade: request.headers.upgrade ?? '' }));
    if (upstreamHead.length > 0) socket.write(upstreamHead);
    if (head.length > 0) upstreamSocket.write(head);
    upstreamSocket.pipe(socket);
    socket.pipe(upstreamSocket);
  });
  upstream.end();
}

function begin(
  stream: Duplex,
  request: IncomingMessage,
  target: HttpTarget,
  hop: Record<string, string>,
): ClientRequest {
  const query = target.query.toString();
  return httpRequest({
    createConnection: () => stream,
    method: request.method,
    path: query === '' ? target.path : `${target.path}?${query}`,
    headers: {
      ...forwarded(request),
      ...hop,
      'x-forwarded-for': request.socket.remoteAddress ?? '',
      'x-forwarded-proto': 'https',
    },
    setHost: false,
  });
}

function forwarded(message: IncomingMessage): Record<string, string | string[]> {
  const named = new Set((message.headers.connection ?? '').toLowerCase().split(/[\s,]+/));
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value === undefined || NOT_FORWARDED.has(name) || named.has(name)) continue;
    headers[name] = value;
  }
  return headers;
}

/** The status line and headers of an answer, as bytes for a raw socket. */
function headOf(answer: IncomingMessage, hop: Record<string, string>): string {
  const lines = [`HTTP/1.1 ${String(answer.statusCode)} ${answer.statusMessage ?? ''}`];
  for (const [name, value] of Object.entries({ ...forwarded(answer), ...hop })) {
    for (const one of Array.isArray(value) ? value : [value]) lines.push(`${name}: ${one}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}
