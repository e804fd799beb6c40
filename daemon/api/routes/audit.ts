/** The audit: read it, and have it checked. */
import type { FastifyInstance } from 'fastify';
import { auditQuerySchema, auditVerifyQuerySchema } from '../../contract/audit.ts';
import { requireMay } from '../../identity/caller.ts';
import { access, callerOf } from '../authentication.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { parseInput } from '../input.ts';

export function auditRoutes(server: FastifyInstance, context: ApiContext): void {
  const options = { ...access('caller'), onRequest: noStore };

  server.get('/v1/audit', options, (request, reply) => {
    requireMay(callerOf(request), 'audit.read');
    const query = parseInput(auditQuerySchema, request.query);
    return reply.send(openDatabaseParts(context).audit.list(query));
  });

  server.get('/v1/audit/verify', options, async (request, reply) => {
    requireMay(callerOf(request), 'audit.read');
    const { expect } = parseInput(auditVerifyQuerySchema, request.query);
    return reply.send(await openDatabaseParts(context).audit.verify(expect));
  });
}
