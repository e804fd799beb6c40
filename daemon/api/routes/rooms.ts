/** The rooms of a namespace: `/v1/webrtc/rooms`. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { cameraRoomId, roomIdSchema } from '../../contract/names.ts';
import type { Device } from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import {
  closeRoomQuerySchema,
  createRoomSchema,
  kickRequestSchema,
  muteRequestSchema,
  roomsQuerySchema,
  roomViewersQuerySchema,
  type DeviceExplanation,
  type RoomViewer,
} from '../../contract/rooms.ts';
import { identityOf, may, requireMay, type Action } from '../../identity/caller.ts';
import { randomToken } from '../../kit/secret.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { namespaceOf, namespaceQuery, parseInput } from '../input.ts';
import { findDevice } from './devices.ts';

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
      room_id: seedRoomId = `r-${randomToken(9)}`,
      roomId = seedRoomId,
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

  server.get('/v1/webrtc/rooms/:roomId/viewers', options, async (request, reply) => {
    const { namespace, roomId } = allowed(request, 'room.read');
    const { participant } = parseInput(roomViewersQuerySchema, request.query);
    return reply.send(await namespaces.rooms.viewers(namespace, roomId, participant));
  });

  /** The viewers of a camera: the caller's own, or all for who may read rooms. */
  server.get('/api/devices/:id/explain', options, async (request, reply) => {
    const caller = callerOf(request);
    const { device } = findDevice(context, request, 'live_view');
    const { namespace, id } = device;
    const roomId = cameraRoomId(id);
    const all = await viewersOf(context, namespace, roomId);
    const identity = identityOf(caller);
    const viewers = may(caller, 'room.read', namespace)
      ? all
      : all.filter((viewer) => viewer.identity === identity);
    const own = viewers.findLast((viewer) => viewer.identity === identity);
    const answer: DeviceExplanation = {
      ...{ roomId, viewers },
      sentence: own?.timelines[0]?.sentence ?? notWatching(device),
    };
    return reply.send(answer);
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

  const close = async (
    request: FastifyRequest,
    room: { namespace: string; roomId: string },
  ): Promise<void> => {
    await namespaces.rooms.close(room.namespace, room.roomId);
    log.info({ ...room, by: identityOf(callerOf(request)) }, 'room closed');
  };
  server.delete('/v1/webrtc/rooms/:roomId', options, async (request, reply) => {
    await close(request, allowed(request, 'room.close'));
    return reply.code(204).send();
  });
  server.delete('/v1/webrtc/rooms', options, async (request, reply) => {
    const caller = callerOf(request);
    const { namespace: asked, room_id: roomId } = parseInput(closeRoomQuerySchema, request.query);
    const namespace = namespaceOf(caller, asked);
    requireMay(caller, 'room.close', { namespace });
    noteForAudit(request, { namespace, subject: roomId });
    await close(request, { namespace, roomId });
    return reply.code(204).send();
  });
}

/** A room that nobody is in has no viewers. */
async function viewersOf(context: ApiContext, namespace: string, roomId: string): Promise<RoomViewer[]> {
  try {
    return (await context.namespaces.rooms.viewers(namespace, roomId)).viewers;
  } catch (error) {
    if (error instanceof AppError && error.code === 'room_not_found') return [];
    throw error;
  }
}

function notWatching({ name, online }: Device): string {
  const session = `You do not watch ${name}: no signaling session of yours is in its room.`;
  return online ? session : `${session} The camera itself is offline.`;
}
