/** Resources of the REST API as callers see them. */
import { z } from 'zod';
import { firewallManagerSchema } from './firewall.ts';
import { loadSchema } from './load.ts';
import { namespaceNameSchema, portSchema, relayScopeSchema, roomIdSchema } from './names.ts';
import { quotaViewSchema } from './quota.ts';
import { sfuWorkerStatusSchema } from './sfu-workers.ts';
import { roomRightSchema } from './signaling.ts';
import { roomsLiveSchema } from './rooms.ts';
import { turnLiveSchema } from './turn-operations.ts';

// -- Session ---------------------------------------------------------------------------------------

export const roleSchema = z.enum(['owner', 'operator', 'viewer']);
export type Role = z.infer<typeof roleSchema>;

export const userSchema = z.object({ name: z.string(), role: roleSchema });
export type User = z.infer<typeof userSchema>;

/** `POST /v1/session`: either a password or a single-use sign-in code. */
export const signInSchema = z.union([
  z.strictObject({ user: z.string().min(1).max(64), password: z.string().min(1).max(256) }),
  z.strictObject({ code: z.string().min(1).max(64) }),
]);
export const sessionSchema = z.object({ user: userSchema, expiresAt: z.iso.datetime() });
export type Session = z.infer<typeof sessionSchema>;

// -- Namespaces ------------------------------------------------------------------------------------

/** What the operator sees of a namespace's WebRTC. `unknown`: a probe got no answer in time. */
export const webrtcStateSchema = z.enum([
  'disabled',
  'enabling',
  'enabled',
  'degraded',
  'disabling',
  'unknown',
]);

export const portBlocksSchema = z.object({
  sfuSignaling: portSchema,
  sfuMedia: z.object({ minPort: portSchema, maxPort: portSchema }),
  turnRelay: z.object({ minPort: portSchema, maxPort: portSchema }),
  turn: portSchema,
  turns: portSchema,
});
/** Every port a namespace owns on a node: one record of the ledger. */
export type PortBlocks = z.infer<typeof portBlocksSchema>;

export const namespaceSchema = z.object({
  name: namespaceNameSchema,
  createdAt: z.iso.datetime(),
  webrtc: webrtcStateSchema,
  /** The operation that runs on it now. */
  operationId: z.string().nullable(),
});
export type Namespace = z.infer<typeof namespaceSchema>;

export const namespaceListSchema = z.object({ items: z.array(namespaceSchema) });

export const createNamespaceSchema = z.strictObject({ name: namespaceNameSchema });

export const enableWebrtcSchema = z.strictObject({
  turnPort: portSchema.optional(),
  turnsPort: portSchema.optional(),
  /** Without it `sfu`: the relay reaches the namespace's SFU and nothing else. */
  relay: relayScopeSchema.optional(),
  /** Answers the plan and changes nothing. */
  dryRun: z.boolean().default(false),
});
/** Of a disable; a request without a body is one that is carried out. */
export const disableWebrtcSchema = z.strictObject({ dryRun: z.boolean().default(false) }).prefault({});

export type EnableWebrtc = z.infer<typeof enableWebrtcSchema>;

export const stepStateSchema = z.enum(['pending', 'running', 'done', 'failed', 'undone']);
export const operationSchema = z.object({
  id: z.string(),
  kind: z.enum(['enable-webrtc', 'disable-webrtc', 'rotate-turn-secret']),
  namespace: z.string(),
  state: z.enum(['running', 'succeeded', 'failed']),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  steps: z.array(
    z.object({
      id: z.string(),
      /** A verb phrase: "Start the TURN service". */
      label: z.string(),
      state: stepStateSchema,
      durationMs: z.number().nullable(),
      note: z.string().nullable(),
    }),
  ),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type Operation = z.infer<typeof operationSchema>;

export const operationListSchema = z.object({ items: z.array(operationSchema) });

/** 200 of an enable or a disable with `dryRun`: what would be done, in order. */
export const planSchema = z.object({
  plan: z.array(
    z.object({
      id: z.string(),
      label: z.string(),
      /** What it is about: ports, rules, records; null where there is nothing to say beforehand. */
      note: z.string().nullable().default(null),
    }),
  ),
});
export type PlanStep = z.infer<typeof planSchema>['plan'][number];

/** 202 of enable and disable. */
export const operationAcceptedSchema = z.object({ operationId: z.string() });

export const serviceStatusSchema = z.object({
  /** By live probe, never from a row: `unknown` when the probe did not answer in time. */
  up: z.enum(['up', 'down', 'unknown']),
  sentence: z.string(),
  pid: z.number().nullable(),
  since: z.iso.datetime().nullable(),
  restarts: z.number(),
});

/** `GET /v1/namespaces/:ns/webrtc/status` */
export const webrtcStatusSchema = z.object({
  namespace: z.string(),
  state: webrtcStateSchema,
  turn: serviceStatusSchema.nullable(),
  sfu: serviceStatusSchema.nullable(),
  /** The processes that the SFU spreads its rooms over; left out where it is one process. */
  workers: z.array(sfuWorkerStatusSchema).optional(),
  ports: portBlocksSchema.nullable(),
  uris: z.array(z.string()),
  sessions: z.number().nullable(),
  rooms: z.number().nullable(),
  allocations: z.number().nullable(),
  credentialTtlSeconds: z.number(),
  /** Left out while WebRTC is off. */
  relay: relayScopeSchema.optional(),
  /** Ports outsiders have to reach, such as `udp 3478 to 192.0.2.7`; `problem`: why they may not, or empty. */
  firewall: z
    .object({ manager: firewallManagerSchema, open: z.array(z.string()), problem: z.string() })
    .optional(),
  /** Records of its DNS name, such as `turn.example.com A 192.0.2.7`. */
  dns: z.object({ manager: z.string(), records: z.array(z.string()), problem: z.string() }).optional(),
  quota: quotaViewSchema.optional(),
});
export type WebrtcStatus = z.infer<typeof webrtcStatusSchema>;

// -- Cameras (API word: device) -----------------------------------------------------------------------

export const capturePolicySchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('on-demand'), lingerSeconds: z.number().int().min(0).max(3600) }),
  z.strictObject({ mode: z.literal('always') }),
]);
export type CapturePolicy = z.infer<typeof capturePolicySchema>;

/** Upstream of one camera: what the daemon knows about the media between camera and SFU. */
export const deviceMediaSchema = z.object({
  state: z.enum(['idle', 'connecting', 'live', 'no-picture', 'reconnecting']),
  sinceMs: z.number(),
  /** Why it is not live, in one sentence; null when idle or live. */
  message: z.string().nullable(),
  producer: z.enum(['whep', 'ws']).nullable(),
  watching: z.number(),
});
export type DeviceMedia = z.infer<typeof deviceMediaSchema>;

/** Seed 000's device, plus ours. `online` keeps the seed's boolean; `state` has three values. */
export const deviceSchema = z.object({
  id: z.string(),
  namespace: z.string(),
  name: z.string(),
  owner: z.string(),
  secretPrefix: z.string(),
  tunnelName: z.string(),
  online: z.boolean(),
  state: z.enum(['online', 'offline', 'unknown']),
  onlineSince: z.iso.datetime().nullable(),
  lastSeenAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
  capture: capturePolicySchema,
  media: deviceMediaSchema,
});
export type Device = z.infer<typeof deviceSchema>;

export const createDeviceSchema = z.strictObject({
  name: z.string().trim().min(1).max(80),
  namespace: namespaceNameSchema.optional(),
  capture: capturePolicySchema.optional(),
});
export type CreateDevice = z.infer<typeof createDeviceSchema>;

/** `PATCH /api/devices/:id`: what is left out stays as it is. */
export const updateDeviceSchema = z
  .strictObject({
    name: z.string().trim().min(1).max(80).optional(),
    capture: capturePolicySchema.optional(),
  })
  .refine((change) => change.name !== undefined || change.capture !== undefined, 'changes nothing');

/** 201: the only time the secret is shown. `apiUrl` and `caPem` are what the camera needs beside it. */
export const deviceCreatedSchema = z.object({
  device: deviceSchema,
  secret: z.string(),
  apiUrl: z.string(),
  /** The local CA when the tunnel endpoint is signed by it, else null. */
  caPem: z.string().nullable(),
});
export type DeviceCreated = z.infer<typeof deviceCreatedSchema>;

export const deviceListSchema = z.object({ devices: z.array(deviceSchema) });

/** `POST /api/devices/tunnel`, byte-compatible with seed 000. */
export const deviceTunnelSchema = z.object({
  device: z.string(),
  engine: z.string(),
  token: z.string(),
  name: z.string(),
  labels: z.record(z.string(), z.string()),
  expires: z.iso.datetime(),
});
export type DeviceTunnel = z.infer<typeof deviceTunnelSchema>;

/** `POST /api/devices/turn`, byte-compatible with seed 000. */
export const deviceTurnSchema = z.object({
  username: z.string(),
  credential: z.string(),
  urls: z.array(z.string()),
  ttl: z.number().int(),
});
export type DeviceTurn = z.infer<typeof deviceTurnSchema>;

/** `POST /v1/webrtc/turn/credentials`: the namespace is an API key's own, else it is named here. */
export const createTurnCredentialsSchema = z.strictObject({
  namespace: namespaceNameSchema.optional(),
  ttlSeconds: z.number().int().min(60).max(86400).optional(),
});

/**
 * `GET /api/devices/:id/webrtc` (seed 002): temporary credentials for one camera. `sessionToken` opens
 * `endpoints.wss` (as `?token=` or Bearer) for this camera's room until `expiration`.
 */
export const deviceWebrtcSchema = z.object({
  channel_arn: z.string(),
  region: z.string(),
  endpoints: z.object({ wss: z.string(), https: z.string() }),
  ice_servers: z.array(z.object({ uris: z.array(z.string()), username: z.string(), credential: z.string() })),
  credentials: z.object({
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
    sessionToken: z.string(),
    expiration: z.iso.datetime(),
  }),
});
export type DeviceWebrtc = z.infer<typeof deviceWebrtcSchema>;

/** `GET /readyz`. `problems` are told to callers on the unix socket only. */
export const readinessSchema = z.object({ ready: z.boolean(), problems: z.array(z.string()) });

/**
 * `POST /v1/webrtc/tickets` -> one signaling socket, within 30 s. An application that asks for one of its users says
 * what that user may: only these rooms, only watch. It can give away less than it has, never more.
 */
export const createSignalTicketSchema = z.strictObject({
  namespace: namespaceNameSchema,
  rooms: z.array(roomIdSchema).min(1).max(64).optional(),
  role: z.enum(['viewer', 'publisher']).optional(),
  /** How others in the room see the user of an API key; the identity stays the key's. */
  name: z.string().min(1).max(128).optional(),
  /** What it may do exactly, whatever the role: not more than who asks. `admin` has to be named. */
  may: z.array(roomRightSchema).max(4).optional(),
});
export const signalTicketSchema = z.object({ ticket: z.string(), expiresAt: z.iso.datetime() });

// -- Live events ---------------------------------------------------------------------------------------

/** Query of `GET /v1/events`: the namespace whose TURN service is wanted too; `load=1` for the load of the host. */
export const eventsQuerySchema = z.object({
  turn: namespaceNameSchema.optional(),
  rooms: namespaceNameSchema.optional(),
  load: z.literal('1').optional(),
});

/**
 * Frames of `GET /v1/events` (WebSocket). The first is `snapshot`; a client that missed one (a gap in
 * `seq`) reconnects and gets a snapshot again. The server never waits for a slow reader: it closes it.
 */
export const liveEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('snapshot'),
    seq: z.number(),
    serverTime: z.iso.datetime(),
    user: userSchema,
    namespaces: z.array(namespaceSchema),
    devices: z.array(deviceSchema),
    operations: z.array(operationSchema),
  }),
  z.object({ type: z.literal('namespace'), seq: z.number(), namespace: namespaceSchema }),
  z.object({ type: z.literal('namespace-removed'), seq: z.number(), name: z.string() }),
  z.object({ type: z.literal('device'), seq: z.number(), device: deviceSchema }),
  z.object({ type: z.literal('device-removed'), seq: z.number(), id: z.string() }),
  z.object({ type: z.literal('operation'), seq: z.number(), operation: operationSchema }),
  /** Only with `?turn=`: the whole picture every 2 s. */
  z.object({ type: z.literal('turn'), seq: z.number(), data: turnLiveSchema }),
  /** Only with `?rooms=`: the whole picture every 2 s. */
  z.object({ type: z.literal('rooms'), seq: z.number(), data: roomsLiveSchema }),
  /** Only with `?load=1`: the whole picture every 2 s, of the namespaces that the reader may measure. */
  z.object({ type: z.literal('load'), seq: z.number(), load: loadSchema }),
]);
export type LiveEvent = z.infer<typeof liveEventSchema>;
