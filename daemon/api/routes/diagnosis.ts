/** What the host says of itself: `/v1/monitor`, `/v1/ports`, `/v1/inspect`. */
import type { FastifyInstance } from 'fastify';
import { monitorReport } from '../../health/monitor-report.ts';
import { may, requireMay } from '../../identity/caller.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';

export function diagnosisRoutes(server: FastifyInstance, context: ApiContext): void {
  const { namespaces, clock } = context;
  const options = { ...access('caller'), onRequest: noStore };

  server.get('/v1/monitor', options, async (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'monitor.read');
    const wanted = (namespace: string): boolean => may(caller, 'monitor.read', namespace);
    return reply.send(await monitorReport(namespaces, { clock, wanted }));
  });

  server.get('/v1/ports', options, async (request, reply) => {
    requireMay(callerOf(request), 'host.inspect');
    return reply.send(await namespaces.diagnosis.portMap());
  });

  server.get('/v1/inspect', options, async (request, reply) => {
    requireMay(callerOf(request), 'host.inspect');
    return reply.send(await context.diagnosis.inspect());
  });
}
