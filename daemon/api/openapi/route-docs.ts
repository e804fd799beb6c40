/** What each route is for, in the words of its users, with the schemas of the contract that it takes and answers. */
import type { z } from 'zod';
import * as api from '../../contract/api.ts';
import * as audit from '../../contract/audit.ts';
import * as certificates from '../../contract/certificates.ts';
import * as config from '../../contract/config-view.ts';
import * as diagnosis from '../../contract/diagnosis.ts';
import * as ice from '../../contract/ice.ts';
import * as load from '../../contract/load.ts';
import * as issuers from '../../contract/issuers.ts';
import * as identity from '../../contract/identity.ts';
import * as quota from '../../contract/quota.ts';
import * as rooms from '../../contract/rooms.ts';
import * as signaling from '../../contract/signaling.ts';
import * as turnAccess from '../../contract/turn-access.ts';
import * as turn from '../../contract/turn-operations.ts';
import * as turnSession from '../../contract/turn-session.ts';

export type RouteDoc = {
  /** One sentence without a full stop. */
  summary: string;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** 200 unless said; 204 has no answer, 101 becomes a WebSocket. */
  status?: 201 | 202 | 204 | 101;
  answer?: z.ZodType;
  /** Of an answer that is not JSON. */
  mediaType?: string;
};

/** Schemas with a name of their own in the document: every `somethingSchema` of these modules. */
export const CONTRACTS: readonly Record<string, unknown>[] = [
  api,
  audit,
  certificates,
  config,
  diagnosis,
  ice,
  identity,
  issuers,
  load,
  quota,
  rooms,
  signaling,
  turnAccess,
  turn,
  turnSession,
];

/** By `METHOD url`, as the routes are registered. A test holds this table and the server together. */
export const ROUTE_DOCS: Record<string, RouteDoc> = {
  'GET /healthz': { summary: 'Whether the daemon answers' },
  'GET /readyz': { summary: 'Whether everything is served', answer: api.readinessSchema },
  'GET /metrics': { summary: 'Metrics for Prometheus', mediaType: 'text/plain' },
  'GET /openapi.json': { summary: 'This document' },
  'GET /v1/ca.pem': { summary: "This host's own CA", mediaType: 'application/x-pem-file' },

  'POST /v1/session': {
    summary: 'Sign in to the console',
    body: api.signInSchema,
    status: 201,
    answer: api.sessionSchema,
  },
  'GET /v1/session': { summary: 'Who is signed in', answer: api.sessionSchema },
  'DELETE /v1/session': { summary: 'Sign out', status: 204 },
  'GET /v1/users': { summary: 'Users of the console', answer: identity.userListSchema },
  'POST /v1/users': {
    summary: 'Make a user; the password is shown once',
    body: identity.createUserSchema,
    status: 201,
    answer: identity.userPasswordSchema,
  },
  'PATCH /v1/users/:name': {
    summary: 'Change the role of a user, disable or enable it; sessions of a disabled one end',
    body: identity.changeUserSchema,
    answer: identity.listedUserSchema,
  },
  'GET /v1/sessions': {
    summary: 'Open sessions of the console',
    answer: identity.consoleSessionListSchema,
  },
  'DELETE /v1/sessions/:session': { summary: 'End a session of the console', status: 204 },
  'DELETE /v1/users/:name': { summary: 'Remove a user; pictures the user watches end', status: 204 },
  'POST /v1/users/:name/reset-password': {
    summary: 'A new password, from the host itself only',
    answer: identity.userPasswordSchema,
  },
  'POST /v1/users/:name/sign-in-code': {
    summary: 'A code that signs in once, from the host itself only',
    answer: identity.signInCodeSchema,
  },

  'GET /v1/issuers': { summary: 'Issuers of tokens, the own one first', answer: issuers.issuerListSchema },
  'POST /v1/issuers': {
    summary: 'Believe the tokens of an OpenID Connect issuer, as far as its row says',
    body: issuers.createIssuerSchema,
    status: 201,
    answer: issuers.issuerCreatedSchema,
  },
  'POST /v1/issuers/test': {
    summary: 'What this host makes of a token, and why it refuses it',
    body: issuers.testTokenSchema,
    answer: issuers.tokenVerdictSchema,
  },
  'DELETE /v1/issuers/:name': { summary: 'Believe an issuer no longer', status: 204 },
  'POST /v1/namespaces/:namespace/tokens': {
    summary: 'A token of the own issuer for a user of the namespace; it is shown once',
    body: issuers.createTokenSchema,
    status: 201,
    answer: issuers.tokenCreatedSchema,
  },
  'GET /.well-known/jwks.json': { summary: 'Public keys of the own issuer' },

  'GET /v1/certificates': {
    summary: 'Certificates of an ACME authority, and why one is not renewed',
    answer: certificates.certificateListSchema,
  },
  'POST /v1/certificates/renew': {
    summary: 'Order new certificates now; those in use stay until they are there',
    body: certificates.renewCertificateSchema,
    status: 202,
    answer: certificates.renewingCertificatesSchema,
  },

  'GET /v1/namespaces': { summary: 'The namespaces', answer: api.namespaceListSchema },
  'POST /v1/namespaces': {
    summary: 'Make a namespace',
    body: api.createNamespaceSchema,
    status: 201,
    answer: api.namespaceSchema,
  },
  'GET /v1/namespaces/:namespace': { summary: 'One namespace', answer: api.namespaceSchema },
  'DELETE /v1/namespaces/:namespace': {
    summary: 'Remove a namespace without WebRTC and cameras',
    status: 204,
  },
  'POST /v1/namespaces/:namespace/webrtc/enable': {
    summary: 'Bring up TURN and SFU, and prove it through a real relay; with dryRun answers the plan',
    body: api.enableWebrtcSchema,
    status: 202,
    answer: api.operationAcceptedSchema,
  },
  'POST /v1/namespaces/:namespace/webrtc/disable': {
    summary: 'Undo all that enable did; with dryRun answers the plan',
    body: api.disableWebrtcSchema,
    status: 202,
    answer: api.operationAcceptedSchema,
  },
  'GET /v1/namespaces/:namespace/webrtc/status': {
    summary: 'What runs, asked of the services themselves',
    answer: api.webrtcStatusSchema,
  },
  'GET /v1/namespaces/:namespace/quota': {
    summary: 'What the namespace may take of the host: memory, tasks, CPU',
    answer: quota.quotaViewSchema,
  },
  'PATCH /v1/namespaces/:namespace/quota': {
    summary: 'Change some of it; it holds at once',
    body: quota.changeQuotaSchema,
    answer: quota.quotaViewSchema,
  },
  'GET /v1/operations': { summary: 'The latest operations', answer: api.operationListSchema },
  'GET /v1/operations/:id': {
    summary: 'One operation with its steps and their times',
    answer: api.operationSchema,
  },
  'GET /v1/namespaces/:namespace/api-keys': {
    summary: 'API keys, without their secrets',
    answer: identity.apiKeyListSchema,
  },
  'POST /v1/namespaces/:namespace/api-keys': {
    summary: 'Make an API key; it is shown once',
    body: identity.createApiKeySchema,
    status: 201,
    answer: identity.apiKeyCreatedSchema,
  },
  'DELETE /v1/namespaces/:namespace/api-keys/:id': {
    summary: 'Remove an API key; sessions of it end',
    status: 204,
  },

  'POST /v1/webrtc/turn/credentials': {
    summary: 'TURN credentials for the caller, as iceServers take them',
    body: api.createTurnCredentialsSchema,
    answer: ice.turnCredentialsSchema,
  },
  'POST /v1/webrtc/tickets': {
    summary: 'A ticket that opens one signaling session within 30 s',
    body: api.createSignalTicketSchema,
    status: 201,
    answer: api.signalTicketSchema,
  },
  'GET /v1/webrtc/signal': { summary: 'Signaling: one WebSocket is one session', status: 101 },
  'GET /v1/load': {
    summary: 'What flowed in the last hour, day or week, as far as this daemon remembers',
    query: load.loadQuerySchema,
    answer: load.loadHistorySchema,
  },
  'GET /v1/events': { summary: 'What changes, live', query: api.eventsQuerySchema, status: 101 },
  'GET /v1/webrtc/rooms': {
    summary: 'Rooms with their participants and tracks',
    query: rooms.roomsQuerySchema,
    answer: rooms.roomListSchema,
  },
  'POST /v1/webrtc/rooms': {
    summary: 'Make a room',
    body: rooms.createRoomSchema,
    status: 201,
    answer: rooms.roomViewSchema,
  },
  'GET /v1/webrtc/rooms/:roomId': { summary: 'One room', answer: rooms.roomViewSchema },
  'DELETE /v1/webrtc/rooms/:roomId': { summary: 'Close a room', status: 204 },
  'DELETE /v1/webrtc/rooms': {
    summary: 'Close a room, named in the query',
    query: rooms.closeRoomQuerySchema,
    status: 204,
  },
  'GET /v1/webrtc/rooms/:roomId/viewers': {
    summary: 'Each viewer of a room, step by step, with the sentence that says why it is black',
    query: rooms.roomViewersQuerySchema,
    answer: rooms.roomViewersSchema,
  },
  'POST /v1/webrtc/rooms/:roomId/kick': {
    summary: 'Send somebody away',
    body: rooms.kickRequestSchema,
    answer: rooms.kickedSchema,
  },
  'POST /v1/webrtc/rooms/:roomId/mute': {
    summary: 'Mute somebody, for those who join later too',
    body: rooms.muteRequestSchema,
    answer: rooms.mutedSchema,
  },

  'GET /v1/namespaces/:namespace/turn/status': {
    summary: 'Listeners, limits, drops and refusals of the TURN service',
    answer: turn.turnOperationsStatusSchema,
  },
  'GET /v1/namespaces/:namespace/turn/sessions': {
    summary: 'Who relays',
    query: turn.turnSessionsQuerySchema,
    answer: turnSession.turnSessionListSchema,
  },
  'GET /v1/namespaces/:namespace/turn/refusals': {
    summary: 'The last refusals, in words',
    answer: turn.turnRefusalListSchema,
  },
  'POST /v1/namespaces/:namespace/turn/disconnect': {
    summary: 'End sessions',
    body: turn.disconnectTargetSchema,
    answer: turn.disconnectedSchema,
  },
  'POST /v1/namespaces/:namespace/turn/credentials': {
    summary: 'Credentials of a subject',
    body: turn.operatorCredentialsSchema,
    answer: ice.turnCredentialsSchema,
  },
  'POST /v1/namespaces/:namespace/turn/drain': {
    summary: 'Take no new sessions',
    body: turn.drainTurnSchema,
  },
  'POST /v1/namespaces/:namespace/turn/rotate-secret': {
    summary: 'A new secret; no session is dropped',
    body: turnAccess.rotateTurnSecretSchema,
    status: 202,
    answer: api.operationAcceptedSchema,
  },
  'GET /v1/namespaces/:namespace/turn/revoked': {
    summary: 'Subjects that get no credentials',
    answer: turnAccess.revokedListSchema,
  },
  'POST /v1/namespaces/:namespace/turn/revoke': {
    summary: 'End the sessions of a subject, and give it no more credentials',
    body: turnAccess.turnSubjectRequestSchema,
    answer: turnAccess.revokedSchema,
  },
  'POST /v1/namespaces/:namespace/turn/unrevoke': {
    summary: 'Take a revocation back',
    body: turnAccess.turnSubjectRequestSchema,
  },
  'GET /v1/namespaces/:namespace/turn/keys': {
    summary: 'Whose holders derive credentials themselves',
    answer: turnAccess.turnKeyListSchema,
  },
  'POST /v1/namespaces/:namespace/turn/keys': {
    summary: 'Register a token or an application whose holder derives credentials',
    body: turnAccess.registerTurnKeySchema,
    status: 201,
    answer: turnAccess.turnKeySchema,
  },
  'DELETE /v1/namespaces/:namespace/turn/keys/:kind/:subject': {
    summary: 'Remove a registration; sessions of it end',
  },
  'GET /keyrings/turn/:file': { summary: 'The public key of a realm', mediaType: 'text/plain' },

  'GET /api/devices': { summary: 'Cameras', answer: api.deviceListSchema },
  'POST /api/devices': {
    summary: 'Make a camera; its secret is shown once',
    body: api.createDeviceSchema,
    status: 201,
    answer: api.deviceCreatedSchema,
  },
  'GET /api/devices/:id': { summary: 'One camera' },
  'PATCH /api/devices/:id': { summary: 'Change a camera', body: api.updateDeviceSchema },
  'DELETE /api/devices/:id': { summary: 'Remove a camera; its tunnel and its viewers end' },
  'POST /api/devices/:id/rotate': {
    summary: 'A new secret of a camera, shown once',
    answer: api.deviceCreatedSchema,
  },
  'GET /api/devices/:id/webrtc': {
    summary: 'Temporary credentials for one camera, for front ends of your own',
    answer: api.deviceWebrtcSchema,
  },
  'GET /api/devices/:id/explain': {
    summary: 'Why the picture of a camera is black, in one sentence',
    answer: rooms.deviceExplanationSchema,
  },
  'POST /api/devices/tunnel': {
    summary: 'What a camera dials; with its secret as bearer',
    answer: api.deviceTunnelSchema,
  },
  'POST /api/devices/turn': {
    summary: 'TURN credentials of a camera; with its secret as bearer',
    answer: api.deviceTurnSchema,
  },

  'GET /v1/monitor': {
    summary: 'Which services answer, by live probes',
    answer: diagnosis.monitorReportSchema,
  },
  'GET /v1/ports': { summary: 'Whose each port is', answer: diagnosis.portMapSchema },
  'GET /v1/inspect': {
    summary: 'What does not agree on this host, with a remedy each',
    answer: diagnosis.inspectionSchema,
  },
  'POST /v1/repair': {
    summary: 'Set anew what others changed of the firewall rules and DNS records of this node',
    answer: diagnosis.repairReportSchema,
  },
  'POST /v1/doctor': {
    summary: 'Be a viewer: through TURN by each transport, with round trip and loss; or an attacker',
    body: diagnosis.doctorRequestSchema,
    answer: diagnosis.doctorReportSchema,
  },
  'GET /v1/audit': {
    summary: 'Who did what, newest first, page by page',
    query: audit.auditQuerySchema,
    answer: audit.auditListSchema,
  },
  'GET /v1/audit/verify': {
    summary: 'Whether a line of the audit was changed or is missing',
    query: audit.auditVerifyQuerySchema,
    answer: audit.auditVerificationSchema,
  },
  'GET /v1/config': { summary: 'Every key that the daemon runs with', answer: config.configViewSchema },
  'POST /v1/config/check': {
    summary: 'What a configuration file would change',
    body: config.checkConfigSchema,
    answer: config.configCheckSchema,
  },
  'POST /v1/config/reload': {
    summary: 'Read the configuration again; what can be followed is in force at once',
    answer: config.configReloadSchema,
  },
};
