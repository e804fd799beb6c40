/** What the host says of itself: `/v1/monitor`, `/v1/ports`, `/v1/inspect`, `/v1/repair`, `/v1/doctor`. */
import type { FastifyInstance } from 'fastify';
import { doctorRequestSchema } from '../../contract/diagnosis.ts';
import { monitorReport } from '../../health/monitor-report.ts';
import { may, requireMay } from '../../identity/caller.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { parseInput } from '../input.ts';

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

  server.post('/v1/repair', options, async (request, reply) => {
    requireMay(callerOf(request), 'host.repair');
    const repairs = await namespaces.repair();
    noteForAudit(request, { detail: { repairs: repairs.length } });
    const ok = repairs.every(({ problem }) => problem === '');
    return reply.send({ at: new Date(clock.nowMs()).toISOString(), ok, repairs });
  });

  server.post('/v1/doctor', options, async (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'host.inspect');
    const wanted = parseInput(doctorRequestSchema, request.body ?? {});
    if (wanted.attack) requireMay(caller, 'host.attack');
    noteForAudit(request, {
      detail: { attack: wanted.attack },
      ...(wanted.namespace === undefined ? {} : { namespace: wanted.namespace }),
    });
    if (wanted.namespace !== undefined) namespaces.get(wanted.namespace);
    return reply.send(await context.diagnosis.doctor(wanted));
  });
}
