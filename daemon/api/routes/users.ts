/** Users and their sessions. Taking an account over (reset, sign-in code) is for the unix socket only. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  changeUserSchema,
  createUserSchema,
  userNameSchema,
  type SignInCode,
} from '../../contract/identity.ts';
import { identityOf, requireMay } from '../../identity/caller.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import { admitAgain, endEverythingOf } from '../departed.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { parseInput } from '../input.ts';

const nameParams = z.object({ name: userNameSchema });
const sessionParams = z.object({ session: z.string().regex(/^[0-9a-f]{24}$/) });

export function userRoutes(server: FastifyInstance, context: ApiContext): void {
  const options = { ...access('caller'), onRequest: noStore };

  server.get('/v1/users', options, (request, reply) => {
    requireMay(callerOf(request), 'user.read');
    return reply.send({ items: openDatabaseParts(context).identity.userViews() });
  });

  server.post('/v1/users', options, async (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'user.change');
    const { name, role } = parseInput(createUserSchema, request.body);
    noteForAudit(request, { subject: name, detail: { role } });
    const created = await openDatabaseParts(context).identity.createUser(name, role);
    context.log.info({ user: name, role, by: identityOf(caller) }, 'user created');
    return reply.code(201).send(created);
  });

  server.patch('/v1/users/:name', options, async (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'user.change');
    const { name } = parseInput(nameParams, request.params);
    const change = parseInput(changeUserSchema, request.body);
    noteForAudit(request, { detail: change });
    const { before, after } = openDatabaseParts(context).identity.changeUser(name, change);
    if (after.disabled && !before.disabled) await endEverythingOf(context, name);
    if (before.disabled && !after.disabled) await admitAgain(context, name);
    // What is open was opened with the rights of before.
    if (before.role !== after.role) {
      context.tickets.forget(name);
      context.gateway.end(name);
    }
    context.log.info({ user: name, ...change, by: identityOf(caller) }, 'user changed');
    return reply.send(after);
  });

  server.get('/v1/sessions', options, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'user.read');
    const current = caller.kind === 'user' ? caller.tokenHash : undefined;
    return reply.send({ items: openDatabaseParts(context).identity.sessionViews(current) });
  });

  server.delete('/v1/sessions/:session', options, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'user.change');
    const { session } = parseInput(sessionParams, request.params);
    const user = openDatabaseParts(context).identity.endSession(session);
    noteForAudit(request, { subject: user });
    // Its sockets ask within seconds whether they still stand; signaling does not, and comes back where it may.
    context.gateway.end(user);
    context.log.info({ user, by: identityOf(caller) }, 'session ended');
    return reply.code(204).send();
  });

  server.delete('/v1/users/:name', options, async (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'user.change');
    const { name } = parseInput(nameParams, request.params);
    openDatabaseParts(context).identity.deleteUser(name);
    await endEverythingOf(context, name);
    context.log.info({ user: name, by: identityOf(caller) }, 'user deleted');
    return reply.code(204).send();
  });

  server.post('/v1/users/:name/reset-password', options, async (request, reply) => {
    requireMay(callerOf(request), 'user.take-over');
    const { name } = parseInput(nameParams, request.params);
    const answer = await openDatabaseParts(context).identity.resetPassword(name);
    context.log.info({ user: name }, 'password reset');
    return reply.send(answer);
  });

  server.post('/v1/users/:name/sign-in-code', options, (request, reply) => {
    requireMay(callerOf(request), 'user.take-over');
    const { name } = parseInput(nameParams, request.params);
    const { user, code, expiresAtMs } = openDatabaseParts(context).identity.createSignInCode(name);
    context.log.info({ user: name }, 'sign-in code made');
    const answer: SignInCode = { user, code, expiresAt: new Date(expiresAtMs).toISOString() };
    return reply.send(answer);
  });
}
