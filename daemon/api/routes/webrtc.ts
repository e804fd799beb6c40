/** What viewers and tenant applications need to connect: TURN credentials, tickets, rooms, the signaling socket. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createSignalTicketSchema, createTurnCredentialsSchema } from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import type { RoomRight } from '../../contract/signaling.ts';
import { roomIdSchema } from '../../contract/names.ts';
import { identityOf, requireMay, roleOf, type Caller } from '../../identity/caller.ts';
import type { SignalGrant } from '../../identity/signal-tickets.ts';
import { noteForAudit } from '../audit-trail.ts';
import {
  access,
  apiKeyOf,
  authenticate,
  bearerOf,
  callerByApiKey,
  callerOf,
  stillStands,
  unauthorized,
} from '../authentication.ts';
import type { ApiContext, ListenerKind } from '../context.ts';
import { noStore } from '../headers.ts';
import { namespaceOf, namespaceQuery, parseInput } from '../input.ts';

const signalQuery = namespaceQuery.extend({
  ticket: z.string().max(256).optional(),
  token: z.string().max(8192).optional(),
  api_key: z.string().max(256).optional(),
  /** The seed's single-room form; the room is entered by a join frame. */
  room: roomIdSchema.optional(),
});
/** Of a signaling session: who, and whether that still holds while the socket is open. */
type Admission = { grant: SignalGrant; stands: () => boolean };

declare module 'fastify' {
  interface FastifyRequest {
    admission: Admission | null;
  }
}

export function webrtcRoutes(server: FastifyInstance, context: ApiContext, listener: ListenerKind): void {
  const { namespaces, budgets, tickets } = context;
  const secret = { ...access('caller'), onRequest: noStore };

  server.post('/v1/webrtc/turn/credentials', secret, (request, reply) => {
    const caller = callerOf(request);
    const input = parseInput(createTurnCredentialsSchema, request.body);
    const asked = input.namespace ?? parseInput(namespaceQuery, request.query).namespace;
    const namespace = namespaceOf(caller, asked);
    requireMay(caller, 'turn.credentials', { namespace });
    noteForAudit(request, { namespace, subject: identityOf(caller) });
    budgets.spend('viewer', identityOf(caller));
    const subject = identityOf(caller);
    const { ttlSeconds } = input;
    return reply.send(
      namespaces.turnCredentials(namespace, ttlSeconds === undefined ? { subject } : { subject, ttlSeconds }),
    );
  });

  server.post('/v1/webrtc/tickets', secret, (request, reply) => {
    const caller = callerOf(request);
    const { namespace, rooms, role, name, may } = parseInput(createSignalTicketSchema, request.body);
    requireMay(caller, 'live_view', { namespace });
    noteForAudit(request, { namespace });
    budgets.spend('viewer', identityOf(caller));
    namespaces.get(namespace);
    const grant = grantOf(caller, namespace, may);
    if (role === 'publisher' && grant.role === 'viewer') {
      throw new AppError(
        'forbidden',
        'A viewer can give no right to publish: use a key with the role operator.',
      );
    }
    const { ticket, expiresAtMs } = tickets.issue({
      ...grant,
      role: role ?? grant.role,
      rooms: rooms ?? grant.rooms,
      // A person is shown under the own name.
      name: caller.kind === 'user' ? grant.name : (name ?? grant.name),
    });
    return reply.code(201).send({ ticket, expiresAt: new Date(expiresAtMs).toISOString() });
  });

  server.decorateRequest('admission', null);
  server.get(
    '/v1/webrtc/signal',
    {
      ...access('signal'),
      websocket: true,
      preValidation: (request, reply, done) => {
        const admission = admit(context, listener, request, reply);
        if (listener === 'network') budgets.spend('viewer', admission.grant.identity);
        context.gateway.requireRoom(admission.grant);
        const { room } = parseInput(signalQuery, request.query);
        if (room !== undefined) namespaces.rooms.requireHere(admission.grant.namespace, room);
        request.admission = admission;
        done();
      },
    },
    (socket, request) => {
      if (request.admission === null) socket.terminate();
      else context.gateway.open(socket, request.admission.grant, request.admission.stands);
    },
  );
}

/** Who may open a signaling session: a ticket or viewer token in the URL, else like any other route. */
function admit(
  context: ApiContext,
  listener: ListenerKind,
  request: FastifyRequest,
  reply: FastifyReply,
): Admission {
  if (!request.ws) {
    throw new AppError('invalid_request', 'This is a WebSocket: open it with ws:// or wss://.');
  }
  const query = parseInput(signalQuery, request.query);
  if (request.caller !== null) return admitCaller(context, request.caller, query.namespace);
  const bearer = bearerOf(request);
  const token = query.token ?? (bearer?.startsWith('tkv.') === true ? bearer : undefined);
  if (query.ticket !== undefined || token !== undefined) {
    const grant =
      query.ticket === undefined
        ? context.tickets.verifyViewerToken(token ?? '')
        : context.tickets.redeem(query.ticket);
    if (grant === undefined) {
      context.budgets.spend('wrongSecret', request.ip);
      throw new AppError('unauthorized', 'This ticket was used already or has ended. Ask for a new one.');
    }
    // A token ends; a ticket opened its session and is gone. Both were judged when they were issued.
    return { grant, stands: () => true };
  }
  if (bearer !== undefined && apiKeyOf(request) === undefined) throw unauthorized();
  const caller =
    query.api_key === undefined
      ? authenticate(context, listener, request, reply)
      : callerByApiKey(context, request, query.api_key);
  request.caller = caller; // For the audit, should this be refused.
  return admitCaller(context, caller, query.namespace);
}

function admitCaller(context: ApiContext, caller: Caller, asked: string | undefined): Admission {
  const namespace = namespaceOf(caller, asked);
  requireMay(caller, 'live_view', { namespace });
  return { grant: grantOf(caller, namespace), stands: () => stillStands(context, caller) };
}

/** Throws forbidden when more is asked for than the caller may. */
function grantOf(caller: Caller, namespace: string, may?: RoomRight[]): SignalGrant {
  const identity = identityOf(caller);
  const role = roleOf(caller) === 'viewer' ? 'viewer' : 'publisher';
  if (may?.includes('admin')) requireMay(caller, 'room.change', { namespace });
  if (may?.includes('data') && role === 'viewer') {
    throw new AppError('forbidden', 'A viewer may not grant "data": it may not send data messages itself.');
  }
  if (may?.includes('publish') && role === 'viewer') {
    throw new AppError('forbidden', 'A viewer may not grant "publish": it may not publish itself.');
  }
  return { namespace, identity, name: identity, role, rooms: null, ...(may && { may }) };
}
