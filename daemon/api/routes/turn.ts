/** Operations of a namespace's TURN service: `/v1/namespaces/:namespace/turn/`. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  disconnectTargetSchema,
  drainTurnSchema,
  operatorCredentialsSchema,
  turnSessionsQuerySchema,
} from '../../contract/turn-operations.ts';
import { rotateTurnSecretSchema, turnSubjectRequestSchema } from '../../contract/turn-access.ts';
import { identityOf, requireMay, type Action } from '../../identity/caller.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { namespaceParams, parseInput } from '../input.ts';

export function turnRoutes(server: FastifyInstance, context: ApiContext): void {
  const { namespaces, budgets, log } = context;
  const options = { ...access('caller'), onRequest: noStore };

  /** The namespace of the path, once the caller may do `action` in it. */
  const allowed = (request: FastifyRequest, action: Action): string => {
    const { namespace } = parseInput(namespaceParams, request.params);
    requireMay(callerOf(request), action, { namespace });
    return namespace;
  };

  server.get('/v1/namespaces/:namespace/turn/status', options, async (request, reply) =>
    reply.send(await namespaces.turn.status(allowed(request, 'turn.read'))),
  );

  server.get('/v1/namespaces/:namespace/turn/sessions', options, async (request, reply) => {
    const namespace = allowed(request, 'turn.read');
    return reply.send(
      await namespaces.turn.sessions(namespace, parseInput(turnSessionsQuerySchema, request.query)),
    );
  });

  server.get('/v1/namespaces/:namespace/turn/refusals', options, async (request, reply) =>
    reply.send(await namespaces.turn.refusals(allowed(request, 'turn.read'))),
  );

  server.post('/v1/namespaces/:namespace/turn/disconnect', options, async (request, reply) => {
    const namespace = allowed(request, 'turn.change');
    const target = parseInput(disconnectTargetSchema, request.body);
    const answer = await namespaces.turn.disconnect(namespace, target);
    noteForAudit(request, { detail: { ...target, ...answer } });
    const by = identityOf(callerOf(request));
    log.info({ namespace, ...target, ended: answer.ended, by }, 'TURN sessions ended');
    return reply.send(answer);
  });

  server.post('/v1/namespaces/:namespace/turn/credentials', options, (request, reply) => {
    const namespace = allowed(request, 'turn.credentials');
    const caller = callerOf(request);
    const { subject } = parseInput(operatorCredentialsSchema, request.body);
    noteForAudit(request, { subject: subject ?? identityOf(caller) });
    // A subject has limits of its own: whoever issues for another one spends those.
    if (subject !== undefined) requireMay(caller, 'turn.change', { namespace });
    budgets.spend('viewer', identityOf(caller));
    return reply.send(namespaces.turnCredentials(namespace, { subject: subject ?? identityOf(caller) }));
  });

  server.post('/v1/namespaces/:namespace/turn/rotate-secret', options, (request, reply) => {
    const namespace = allowed(request, 'turn.change');
    openDatabaseParts(context);
    const rotation = parseInput(rotateTurnSecretSchema, request.body);
    const answer = namespaces.turnAccess.rotateSecret(namespace, rotation);
    noteForAudit(request, { detail: { ...rotation, ...answer } });
    const by = identityOf(callerOf(request));
    log.info({ namespace, ...rotation, ...answer, by }, 'TURN secret rotation asked for');
    return reply.code(202).send(answer);
  });

  server.get('/v1/namespaces/:namespace/turn/revoked', options, (request, reply) =>
    reply.send(namespaces.turnAccess.revoked(allowed(request, 'turn.read'))),
  );

  server.post('/v1/namespaces/:namespace/turn/revoke', options, async (request, reply) => {
    const namespace = allowed(request, 'turn.change');
    openDatabaseParts(context);
    const { subject: identity } = parseInput(turnSubjectRequestSchema, request.body);
    noteForAudit(request, { subject: identity });
    const answer = await namespaces.turnAccess.revoke(namespace, identity);
    context.gateway.end(identity, namespace);
    log.info({ namespace, ...answer, by: identityOf(callerOf(request)) }, 'TURN revoke asked for');
    return reply.send(answer);
  });

  server.post('/v1/namespaces/:namespace/turn/unrevoke', options, async (request, reply) => {
    const namespace = allowed(request, 'turn.change');
    openDatabaseParts(context);
    const { subject } = parseInput(turnSubjectRequestSchema, request.body);
    noteForAudit(request, { subject });
    await namespaces.turnAccess.unrevoke(namespace, subject);
    log.info({ namespace, subject, by: identityOf(callerOf(request)) }, 'TURN unrevoke asked for');
    return reply.send({});
  });

  server.post('/v1/namespaces/:namespace/turn/drain', options, async (request, reply) => {
    const namespace = allowed(request, 'turn.change');
    const drain = parseInput(drainTurnSchema, request.body);
    noteForAudit(request, { detail: drain });
    await namespaces.turn.drain(namespace, drain);
    log.info({ namespace, ...drain, by: identityOf(callerOf(request)) }, 'TURN drain asked for');
    return reply.send({});
  });
}
