/**
 * Finds out who asks. Every route declares its access; a route that does not is refused when the server
 * is built, so that none is open by mistake.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../contract/errors.ts';
import type { Device } from '../contract/api.ts';
import type { Caller } from '../identity/caller.ts';
import { openDatabaseParts, type ApiContext, type ListenerKind } from './context.ts';
import { isOwnOrigin } from './origin.ts';
import { SESSION_COOKIES, setSessionCookie } from './session-cookie.ts';

/**
 * `public`: anyone. `caller`: a user, an API key or the unix socket. `device`: a camera by its secret.
 * `signal`: decided by the signaling route itself, from tickets too.
 */
export type Access = 'public' | 'caller' | 'device' | 'signal';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    caller: Caller | null;
  }
}

export const access = (kind: Access): { config: { access: Access } } => ({ config: { access: kind } });

const MAX_CREDENTIAL_CHARS = 8192;
/** Three parts, the first one JSON: no other credential of ours looks like that. */
const JWT = /^eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/;

export function installAuthentication(
  server: FastifyInstance,
  context: ApiContext,
  listener: ListenerKind,
): void {
  server.decorateRequest('caller', null);
  server.addHook('onRoute', (route) => {
    if (route.config?.access === undefined) throw new Error(`route ${route.url} declares no access`);
  });
  server.addHook('onRequest', async (request, reply) => {
    const kind = request.routeOptions.config.access;
    if (listener === 'network' && kind !== 'device') context.budgets.spend('address', request.ip);
    if (kind !== 'caller' && kind !== 'signal') return;
    const token = tokenOf(request);
    if (token !== undefined) request.caller = await callerByToken(context, request, token);
    else if (kind === 'caller') request.caller = authenticate(context, listener, request, reply);
  });
}

/** The caller of a route with access `caller`. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw unauthorized();
  return request.caller;
}

/** Who asks, without a token: an API key, a session, or whoever may open the unix socket. Throws unauthorized. */
export function authenticate(
  context: ApiContext,
  listener: ListenerKind,
  request: FastifyRequest,
  reply: FastifyReply,
): Caller {
  const key = apiKeyOf(request);
  if (key !== undefined) return callerByApiKey(context, request, key);
  if (listener === 'local') return { kind: 'local' };
  return callerBySession(context, request, reply);
}

export function callerByApiKey(context: ApiContext, request: FastifyRequest, key: string): Caller {
  const caller = openDatabaseParts(context).apiKeys.authenticate(key);
  if (caller !== undefined) return caller;
  context.budgets.spend('wrongSecret', request.ip);
  throw new AppError('unauthorized', 'This API key is not valid.');
}

async function callerByToken(context: ApiContext, request: FastifyRequest, token: string): Promise<Caller> {
  const { tokens } = openDatabaseParts(context);
  try {
    return await tokens.authenticate(token);
  } catch (error) {
    context.budgets.spend('wrongSecret', request.ip);
    throw error;
  }
}

export function callerBySession(context: ApiContext, request: FastifyRequest, reply: FastifyReply): Caller {
  const token = sessionTokenOf(request);
  if (token === undefined) throw unauthorized();
  const session = openDatabaseParts(context).identity.session(token);
  if (session === undefined) throw unauthorized();
  const changes = request.method !== 'GET' && request.method !== 'HEAD';
  if (changes || request.ws) requireOwnOrigin(context, request);
  if (session.extended && !request.ws) setSessionCookie(context, request, reply, token, session.expiresAtMs);
  return { kind: 'user', user: session.user, tokenHash: session.tokenHash };
}

/** Refuses requests other web sites make a browser send. */
export function requireOwnOrigin(context: ApiContext, request: FastifyRequest): void {
  const { origin, host } = request.headers;
  if (isOwnOrigin({ origin, host, protocol: request.protocol, publicUrl: context.publicUrl })) return;
  throw new AppError(
    'origin_forbidden',
    "This request does not come from this server's own pages. Behind a reverse proxy, set api.publicUrl.",
  );
}

/** Whether the caller of a socket that is open for long may still be there. */
export function stillStands(context: ApiContext, caller: Caller): boolean {
  const parts = context.database();
  // While the database is shut nobody can be told apart: who is in stays in.
  if (caller.kind === 'local' || parts === undefined) return true;
  if (caller.kind === 'api-key') return parts.apiKeys.stands(caller);
  if (caller.kind === 'token') return parts.tokens.stands(caller);
  const session = parts.identity.sessionByHash(caller.tokenHash);
  return session !== undefined && session.user.role === caller.user.role;
}

/** The camera behind `Authorization: Bearer <device secret>`. */
export function authenticateDevice(context: ApiContext, request: FastifyRequest): Device {
  const { cameras } = openDatabaseParts(context);
  const secret = bearerOf(request);
  const device = secret === undefined ? undefined : cameras.authenticate(secret);
  if (device !== undefined) return device;
  context.budgets.spend('wrongSecret', request.ip);
  throw new AppError(
    'unauthorized',
    'The device secret is missing or not valid. Rotate it to get a new one.',
  );
}

export function sessionTokenOf(request: FastifyRequest): string | undefined {
  for (const name of SESSION_COOKIES) {
    const value = request.cookies[name];
    if (value !== undefined && value !== '' && value.length <= MAX_CREDENTIAL_CHARS) return value;
  }
  return undefined;
}

/** `X-API-Key`, `Authorization: ApiKey` or an API key as Bearer. */
export function apiKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers['x-api-key'];
  if (typeof header === 'string' && header !== '') return header;
  const match = /^ApiKey ([^\s]{1,8192})$/i.exec(request.headers.authorization ?? '');
  if (match?.[1] !== undefined) return match[1];
  const bearer = bearerOf(request);
  return bearer?.startsWith('tk_') === true ? bearer : undefined;
}

/**
 * A token (JWT) as Bearer, or in the URL of the signaling socket, where browsers can set no header. One that is too
 * long is one, too: its refusal says so.
 */
export function tokenOf(request: FastifyRequest): string | undefined {
  const bearer = /^Bearer ([^\s]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const { token } = request.query as { token?: unknown };
  const inUrl =
    request.routeOptions.config.access === 'signal' && typeof token === 'string' ? token : undefined;
  return [bearer, inUrl].find((text) => text !== undefined && JWT.test(text));
}

export function bearerOf(request: FastifyRequest): string | undefined {
  return /^Bearer ([^\s]{1,8192})$/i.exec(request.headers.authorization ?? '')?.[1];
}

export function unauthorized(): AppError {
  return new AppError('unauthorized', 'Sign in first.');
}
