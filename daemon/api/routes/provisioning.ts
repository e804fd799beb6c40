/** The two calls a camera makes (seed 000), by its secret, on a budget of its own. The body is not used. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { noteForAudit } from '../audit-trail.ts';
import { access, authenticateDevice } from '../authentication.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import type { Device } from '../../contract/api.ts';

/** Producers send their name and version only. */
const BODY_LIMIT_BYTES = 4096;

export function provisioningRoutes(server: FastifyInstance, context: ApiContext): void {
  const options = { ...access('device'), onRequest: noStore, bodyLimit: BODY_LIMIT_BYTES };

  const camera = (request: FastifyRequest, call: string): Device => {
    const device = authenticateDevice(context, request);
    const { id, namespace } = device;
    noteForAudit(request, { actor: `camera:${id}`, subject: id, namespace });
    context.budgets.spend('camera', `${call} ${device.id}`);
    context.budgets.spend('cameras', '');
    return device;
  };

  server.post('/api/devices/tunnel', options, (request, reply) => {
    const { id } = camera(request, 'tunnel');
    return reply.send(openDatabaseParts(context).cameras.provisionTunnel(id));
  });

  server.post('/api/devices/turn', options, (request, reply) => {
    const { id } = camera(request, 'turn');
    return reply.send(openDatabaseParts(context).cameras.provisionTurn(id));
  });
}
