/**
 * Temporary credentials for watching one camera (seed 002), in the seed's order: who asks, which camera,
 * may they watch, was it ever attached, is there a service. They open this camera's room and no other.
 */
import type { FastifyInstance } from 'fastify';
import type { DeviceWebrtc } from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import type { TurnCredentials } from '../../contract/ice.ts';
import { cameraRoomId } from '../../contract/names.ts';
import { identityOf } from '../../identity/caller.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { findDevice } from './devices.ts';

export function deviceWebrtcRoutes(server: FastifyInstance, context: ApiContext): void {
  const { namespaces, tickets, budgets, configuration } = context;

  server.get('/api/devices/:id/webrtc', { ...access('caller'), onRequest: noStore }, (request, reply) => {
    const caller = callerOf(request);
    const { device } = findDevice(context, request, 'live_view');
    budgets.spend('viewer', identityOf(caller));
    const { namespace, id, lastSeenAt, online } = device;
    if (lastSeenAt === null && !online) {
      throw new AppError('device_not_provisioned', `${device.name} was never attached.`);
    }
    if (namespaces.signaling(namespace) === undefined) {
      throw new AppError('credential_not_configured', `WebRTC is not enabled for ${namespace}.`);
    }
    const identity = identityOf(caller);
    const { credentialTtlSeconds: ttlSeconds } = configuration.current.viewers;
    const turn = credentials(context, namespace, identity, ttlSeconds);
    const roomId = cameraRoomId(id);
    const viewer = tickets.issueViewerToken(
      { namespace, identity, name: identity, role: 'viewer', rooms: [roomId] },
      ttlSeconds,
    );
    const apiUrl = context.apiUrl();
    const room = new URLSearchParams({ room: roomId }).toString();
    const answer: DeviceWebrtc = {
      channel_arn: `turnkeep:${namespace}:${roomId}`,
      region: 'local',
      endpoints: { wss: `${apiUrl.replace(/^http/, 'ws')}/v1/webrtc/signal?${room}`, https: apiUrl },
      ice_servers: [{ uris: turn.uris, username: turn.username, credential: turn.password }],
      // The seed's three parts; the token alone is what opens the socket.
      credentials: {
        accessKeyId: identity,
        secretAccessKey: viewer.token.slice(viewer.token.lastIndexOf('.') + 1),
        sessionToken: viewer.token,
        expiration: new Date(viewer.expiresAtMs).toISOString(),
      },
    };
    return reply.send(answer);
  });
}

/** Any failure of ours is the seed's 502: the caller did nothing wrong. */
function credentials(
  context: ApiContext,
  namespace: string,
  subject: string,
  ttlSeconds: number,
): TurnCredentials {
  try {
    return context.namespaces.turnCredentials(namespace, { subject, ttlSeconds, browser: true });
  } catch (error) {
    if (error instanceof AppError && error.code === 'webrtc_not_enabled') {
      throw new AppError('credential_not_configured', error.message, { cause: error });
    }
    if (error instanceof AppError && error.code === 'forbidden') throw error;
    context.log.error({ err: error, namespace }, 'no TURN credentials');
    throw new AppError('signaling_error', `The services of ${namespace} gave no credentials.`, {
      cause: error,
    });
  }
}
