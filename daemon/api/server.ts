/**
 * Builds the HTTP server of one listener. Both listeners, the unix socket and TCP, have the same routes;
 * they differ in who vouches for the caller. Nothing listens here: tests use `inject`.
 */
import cookie from '@fastify/cookie';
import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { AppError } from '../contract/errors.ts';
import { SIGNALING_MAX_FRAME_BYTES } from '../contract/signaling.ts';
import { installAuditTrail } from './audit-trail.ts';
import { installAuthentication } from './authentication.ts';
import type { ApiContext, ListenerKind } from './context.ts';
import { installErrorHandler, sendError } from './error-handler.ts';
import { installSecurityHeaders } from './headers.ts';
import { auditRoutes } from './routes/audit.ts';
import { certificateRoutes } from './routes/certificates.ts';
import { configRoutes } from './routes/config.ts';
import { deviceRoutes } from './routes/devices.ts';
import { deviceWebrtcRoutes } from './routes/device-webrtc.ts';
import { diagnosisRoutes } from './routes/diagnosis.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { issuerRoutes } from './routes/issuers.ts';
import { metricRoutes } from './routes/metrics.ts';
import { openApiRoute } from './routes/openapi.ts';
import { namespaceRoutes } from './routes/namespaces.ts';
import { provisioningRoutes } from './routes/provisioning.ts';
import { sessionRoutes } from './routes/session.ts';
import { turnKeyRoutes } from './routes/turn-keys.ts';
import { turnRoutes } from './routes/turn.ts';
import { userRoutes } from './routes/users.ts';
import { roomRoutes } from './routes/rooms.ts';
import { webrtcRoutes } from './routes/webrtc.ts';
import { installStaticConsole } from './static-console.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 4000;
export const MIN_TLS_VERSION = 'TLSv1.2';

export type TlsMaterial = { cert: string; key: string };

/** @param tls PEM certificate chain and key; undefined for plain HTTP. */
export async function buildServer(
  context: ApiContext,
  listener: ListenerKind,
  tls?: TlsMaterial,
): Promise<FastifyInstance> {
  const options = {
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 200 },
    forceCloseConnections: true,
    frameworkErrors: (_error: unknown, _request: FastifyRequest, reply: FastifyReply) => {
      void sendError(reply, new AppError('invalid_request', 'The address is not valid.'));
    },
    trustProxy: listener === 'network' && context.trustedProxies.length > 0 ? context.trustedProxies : false,
  };
  const server = (
    tls === undefined
      ? fastify(options)
      : fastify({ ...options, https: { ...tls, minVersion: MIN_TLS_VERSION } })
  ) as FastifyInstance;
  server.server.maxConnections = MAX_CONNECTIONS;

  acceptJsonOnly(server);
  installErrorHandler(server, context.log);
  await installSecurityHeaders(server, { https: tls !== undefined });
  await server.register(cookie);
  await server.register(websocket, {
    options: { maxPayload: SIGNALING_MAX_FRAME_BYTES, perMessageDeflate: false },
  });
  installAuthentication(server, context, listener);
  installAuditTrail(server, context);

  openApiRoute(server);
  healthRoutes(server, context, listener);
  metricRoutes(server, context);
  diagnosisRoutes(server, context);
  sessionRoutes(server, context);
  userRoutes(server, context);
  issuerRoutes(server, context);
  auditRoutes(server, context);
  configRoutes(server, context);
  certificateRoutes(server, context);
  namespaceRoutes(server, context);
  turnRoutes(server, context);
  turnKeyRoutes(server, context);
  webrtcRoutes(server, context, listener);
  roomRoutes(server, context);
  provisioningRoutes(server, context);
  deviceRoutes(server, context);
  deviceWebrtcRoutes(server, context);
  eventRoutes(server, context);
  await installStaticConsole(server, context.consoleDir);
  await server.ready();
  return server;
}

/** JSON is the only body; an empty one is none, whatever its Content-Type. */
function acceptJsonOnly(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body as string, done);
  });
}
