/** `/metrics` for Prometheus, `/v1/load` for plots: whoever operates the host sees every namespace, an API key its own. */
import type { FastifyInstance } from 'fastify';
import { loadQuerySchema } from '../../contract/load.ts';
import { may, requireMay } from '../../identity/caller.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { parseInput } from '../input.ts';
import { Scrapes } from '../metrics/scrape.ts';

export function metricRoutes(server: FastifyInstance, context: ApiContext): void {
  const scrapes = new Scrapes({
    namespaces: context.namespaces,
    cameras: () => context.database()?.cameras,
  });
  server.get('/metrics', { ...access('caller'), onRequest: noStore }, async (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'metrics.read');
    const text = await scrapes.text((namespace) => may(caller, 'metrics.read', namespace));
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
  server.get('/v1/load', { ...access('caller'), onRequest: noStore }, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'metrics.read');
    const { span } = parseInput(loadQuerySchema, request.query);
    return reply.send(context.live.loadHistory(span, caller));
  });
}
