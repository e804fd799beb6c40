/** Who may derive TURN credentials: `/v1/namespaces/:namespace/turn/keys`, and the key ring SDKs look up. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../contract/errors.ts';
import { registerTurnKeySchema, turnKeyParamsSchema } from '../../contract/turn-access.ts';
import { identityOf, requireMay, type Action } from '../../identity/caller.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { namespaceParams, parseInput } from '../input.ts';

const RING_SUFFIX = '.spki.der.hex';
const ringParams = z.object({ file: z.string().max(256).endsWith(RING_SUFFIX) });

export function turnKeyRoutes(server: FastifyInstance, context: ApiContext): void {
  const { namespaces, log } = context;
  const options = { ...access('caller'), onRequest: noStore };

  /** The namespace of the path, once the caller may do `action` in it. */
  const allowed = (request: FastifyRequest, action: Action): string => {
    const { namespace } = parseInput(namespaceParams, request.params);
    requireMay(callerOf(request), action, { namespace });
    return namespace;
  };

  server.get('/v1/namespaces/:namespace/turn/keys', options, (request, reply) =>
    reply.send(namespaces.turnKeys.list(allowed(request, 'turn.read'))),
  );

  server.post('/v1/namespaces/:namespace/turn/keys', options, async (request, reply) => {
    const namespace = allowed(request, 'turn.change');
    openDatabaseParts(context);
    const key = await namespaces.turnKeys.register(
      namespace,
      parseInput(registerTurnKeySchema, request.body),
    );
    noteForAudit(request, { subject: key.subject, detail: { kind: key.kind } });
    log.info({ namespace, ...key, by: identityOf(callerOf(request)) }, 'TURN key registration asked for');
    return reply.code(201).send(key);
  });

  server.delete('/v1/namespaces/:namespace/turn/keys/:kind/:subject', options, async (request, reply) => {
    const namespace = allowed(request, 'turn.change');
    openDatabaseParts(context);
    const key = parseInput(turnKeyParamsSchema, request.params);
    const answer = await namespaces.turnKeys.remove(namespace, key);
    log.info(
      { namespace, ...key, ...answer, by: identityOf(callerOf(request)) },
      'TURN key removal asked for',
    );
    return reply.send(answer);
  });

  // Public keys are for everybody.
  server.get('/keyrings/turn/:file', access('public'), (request, reply) => {
    const { file } = parseInput(ringParams, request.params);
    const key = namespaces.turnKeys.publicKeyOf(file.slice(0, -RING_SUFFIX.length));
    if (key === undefined) throw new AppError('not_found', 'There is no key of this realm.');
    return reply
      .header('content-type', 'text/plain; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(key);
  });
}
