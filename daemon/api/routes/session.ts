/** Signing in and out of the console. */
import type { FastifyInstance } from 'fastify';
import { signInSchema, type Session } from '../../contract/api.ts';
import type { LiveSession, SignedIn } from '../../identity/identity.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, requireOwnOrigin, sessionTokenOf, unauthorized } from '../authentication.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { parseInput } from '../input.ts';
import { clearSessionCookies, setSessionCookie } from '../session-cookie.ts';

export function sessionRoutes(server: FastifyInstance, context: ApiContext): void {
  server.post('/v1/session', { ...access('public'), onRequest: noStore }, async (request, reply) => {
    // Another site must not sign a browser in here as somebody else.
    if (request.headers.origin !== undefined) requireOwnOrigin(context, request);
    const input = parseInput(signInSchema, request.body);
    const { identity } = openDatabaseParts(context);
    const way = 'code' in input ? 'code' : 'password';
    // Only names that exist: people type their password into the wrong field.
    const known = 'user' in input && identity.listUsers().some(({ name }) => name === input.user);
    noteForAudit(request, { subject: known ? input.user : null, detail: { way } });
    const signedIn =
      'code' in input
        ? identity.signInWithCode(input.code, request.ip)
        : await identity.signInWithPassword(input.user, input.password, request.ip);
    noteForAudit(request, { actor: signedIn.user.name, subject: signedIn.user.name });
    const old = sessionTokenOf(request);
    if (old !== undefined) {
      const session = identity.session(old);
      if (session !== undefined) identity.signOut(session.tokenHash);
    }
    setSessionCookie(context, request, reply, signedIn.token, signedIn.expiresAtMs);
    return reply.code(201).send(shown(signedIn));
  });

  server.get('/v1/session', { ...access('public'), onRequest: noStore }, (request, reply) => {
    const token = sessionTokenOf(request);
    const session = token === undefined ? undefined : openDatabaseParts(context).identity.session(token);
    if (token === undefined || session === undefined) throw unauthorized();
    if (session.extended) setSessionCookie(context, request, reply, token, session.expiresAtMs);
    return reply.send(shown(session));
  });

  server.delete('/v1/session', { ...access('public'), onRequest: noStore }, (request, reply) => {
    const token = sessionTokenOf(request);
    const { identity } = openDatabaseParts(context);
    const session = token === undefined ? undefined : identity.session(token);
    if (session !== undefined) {
      requireOwnOrigin(context, request);
      identity.signOut(session.tokenHash);
      noteForAudit(request, { actor: session.user.name, subject: session.user.name });
    }
    clearSessionCookies(reply);
    return reply.code(204).send();
  });
}

function shown({ user, expiresAtMs }: SignedIn | LiveSession): Session {
  return { user, expiresAt: new Date(expiresAtMs).toISOString() };
}
