/** Liveness, readiness and the local CA: what anyone may ask. */
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../contract/errors.ts';
import { access } from '../authentication.ts';
import type { ApiContext, ListenerKind } from '../context.ts';

export function healthRoutes(server: FastifyInstance, context: ApiContext, listener: ListenerKind): void {
  server.get('/healthz', access('public'), (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'ok' }),
  );

  server.get('/readyz', access('public'), (_request, reply) => {
    const problems = context.problems();
    const ready = problems.length === 0;
    // What is broken here is the operator's business; a load balancer needs the status only.
    const body = { ready, problems: listener === 'local' ? problems : [] };
    return reply
      .header('cache-control', 'no-store')
      .code(ready ? 200 : 503)
      .send(body);
  });

  server.get('/v1/ca.pem', access('public'), (_request, reply) => {
    if (context.caPem === null) throw new AppError('not_found', 'This server uses no CA of its own.');
    return reply
      .header('content-type', 'application/x-pem-file')
      .header('content-disposition', 'attachment; filename="turnkeep-ca.pem"')
      .header('cache-control', 'no-cache')
      .send(context.caPem);
  });
}
