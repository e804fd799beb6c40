/** What a request on the engine's HTTP side says: where it goes, in canonical form, and who asks. Pure. */
import type { IncomingMessage } from 'node:http';

const TOKEN_PARAMETER = 'rstream.token';

export type HttpTarget = {
  /** Host name without port, lower case. */
  hostname: string;
  /** Path without query: no escapes, no empty or dot segments, so that what is checked is what is served. */
  path: string;
  /** Query without the token. */
  query: URLSearchParams;
  queryToken: string | undefined;
};

/** @returns undefined when host or path is not in canonical form; such a request is refused. */
export function targetOf(request: IncomingMessage): HttpTarget | undefined {
  const { host } = request.headers;
  const rawUrl = request.url ?? '';
  const match = host === undefined ? null : /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host);
  if (match?.[1] === undefined || !rawUrl.startsWith('/')) return undefined;
  const [path = '/', ...rest] = rawUrl.split('?');
  if (!/^(?:\/[A-Za-z0-9._~!$&'()*+,;=:@-]*)+$/.test(path)) return undefined;
  const segments = path.slice(1).split('/');
  if (segments.some((one, at) => one === '.' || one === '..' || (one === '' && at < segments.length - 1))) {
    return undefined;
  }
  const query = new URLSearchParams(rest.join('?'));
  const queryToken = query.get(TOKEN_PARAMETER) ?? undefined;
  query.delete(TOKEN_PARAMETER);
  return { hostname: match[1].toLowerCase(), path, query, queryToken };
}

/** The token of an `Authorization: Bearer` header. */
export function bearerOf(request: IncomingMessage): string | undefined {
  return /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

/** A refusal with its HTTP status; the message is for the caller. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
