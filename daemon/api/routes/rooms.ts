/** The rooms of a namespace: `/v1/webrtc/rooms`. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { roomIdSchema } from '../../contract/names.ts';
import {
  createRoomSchema,
  kickRequestSchema,
  muteRequestSchema,
  roomsQuerySchema,
} from '../../contract/rooms.ts';
import { identityOf, requireMay, type Action } from '../../identity/caller.ts';
import { randomToken } from '../../kit/secret.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { namespaceOf, namespaceQuery, parseInput } from '../input.ts';

const roomParams = z.object({ roomId: roomIdSchema });

export function roomRoutes(server: FastifyInstance, context: ApiContext): void {
  const { namespaces, log } = context;
  const options = access('caller');

  /** Namespace and room of a request, once the caller may do `action` there. */
  const allowed = (request: FastifyRequest, action: Action): { namespace: string; roomId: string } => {
    const caller = callerOf(request);
    const namespace = namespaceOf(caller, parseInput(namespaceQuery, request.query).namespace);
    requireMay(caller, action, { namespace });
    noteForAudit(request, { namespace });
    return { namespace, ...parseInput(roomParams, request.params) };
  };

  server.get('/v1/webrtc/rooms', options, async (request, reply) => {
    const caller = callerOf(request);
    const { namespace: asked, ...page } = parseInput(roomsQuerySchema, request.query);
    const namespace = namespaceOf(caller, asked);
    requireMay(caller, 'room.read', { namespace });
    return reply.send(await namespaces.rooms.list(namespace, page));
  });

  server.post('/v1/webrtc/rooms', options, async (request, reply) => {
    const caller = callerOf(request);
    const {
      namespace: asked,
      roomId = `r-${randomToken(9)}`,
      ...settings
    } = parseInput(createRoomSchema, request.body);
    const named = asked ?? parseInput(namespaceQuery, request.query).namespace;
    const namespace = namespaceOf(caller, named);
    requireMay(caller, 'room.change', { namespace });
    noteForAudit(request, { namespace, subject: roomId });
    const room = await namespaces.rooms.create(namespace, roomId, settings);
    log.info({ namespace, roomId, by: identityOf(caller) }, 'room created');
    return reply.code(201).send(room);
  });

  server.get('/v1/webrtc/rooms/:roomId', options, async (request, reply) => {
    const { namespace, roomId } = allowed(request, 'room.read');
    return reply.send(await namespaces.rooms.get(namespace, roomId));
  });

  server.post('/v1/webrtc/rooms/:roomId/kick', options, async (request, reply) => {
    const { namespace, roomId } = allowed(request, 'room.change');
    const kick = parseInput(kickRequestSchema, request.body);
    noteForAudit(request, { detail: kick });
    const answer = await namespaces.rooms.kick(namespace, roomId, kick);
    log.info({ namespace, roomId, ...kick, ...answer, by: identityOf(callerOf(request)) }, 'sent away');
    return reply.send(answer);
  });

  server.post('/v1/webrtc/rooms/:roomId/mute', options, async (request, reply) => {
    const { namespace, roomId } = allowed(request, 'room.change');
    const mute = parseInput(muteRequestSchema, request.body);
    noteForAudit(request, { detail: mute });
    const answer = await namespaces.rooms.mute(namespace, roomId, mute);
    log.info({ namespace, roomId, ...mute, ...answer, by: identityOf(callerOf(request)) }, 'muted');
    return reply.send(answer);
  });

  server.delete('/v1/webrtc/rooms/:roomId', options, async (request, reply) => {
    const { namespace, roomId } = allowed(request, 'room.close');
    await namespaces.rooms.close(namespace, roomId);
    log.info({ namespace, roomId, by: identityOf(callerOf(request)) }, 'room closed');
    return reply.code(204).send();
  });
}
