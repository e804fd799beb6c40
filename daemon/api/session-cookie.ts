/** The console's session cookie: HttpOnly, SameSite=Strict, `__Host-` and Secure whenever TLS is used. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiContext } from './context.ts';

const PLAIN = 'turnkeep_session';
const SECURE = '__Host-turnkeep_session';
/** Where a session may be found; the one a plain-HTTP attacker cannot set comes first. */
export const SESSION_COOKIES = [SECURE, PLAIN];

export function setSessionCookie(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
  expiresAtMs: number,
): void {
  const secure = isSecure(context, request);
  reply.setCookie(secure ? SECURE : PLAIN, token, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure,
    expires: new Date(expiresAtMs),
  });
}

export function clearSessionCookies(reply: FastifyReply): void {
  reply.clearCookie(PLAIN, { path: '/', httpOnly: true, sameSite: 'strict' });
  reply.clearCookie(SECURE, { path: '/', httpOnly: true, sameSite: 'strict', secure: true });
}

/** TLS ended here or at a trusted proxy, or the browser came by our configured https address. */
function isSecure(context: ApiContext, request: FastifyRequest): boolean {
  if (request.protocol === 'https') return true;
  if (context.publicUrl === null) return false;
  const url = new URL(context.publicUrl);
  return url.protocol === 'https:' && url.host === request.headers.host;
}
