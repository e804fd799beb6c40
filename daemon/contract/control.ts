/**
 * Control socket between the daemon and one TURN or SFU process: newline JSON over a unix socket.
 *
 * Request `{id, method, params}`; answer `{id, result}` or `{id, error: {code, message}}`; event
 * `{event, data}` from the service to every connected daemon. The first request is `hello`.
 * The method tables below are the whole interface: `params` are checked by the service, `result` by the
 * daemon.
 */
import { z } from 'zod';
import { iceCandidateInitSchema, sdpSchema } from './ice.ts';
import { processLoadSchema } from './load.ts';
import { roomIdSchema } from './names.ts';
import { roomSchema, roomSettingsSchema, roomViewersSchema, moderationEntrySchema } from './rooms.ts';
import { kickSchema, muteSchema } from './signaling.ts';
import { sfuWorkerStatusSchema } from './sfu-workers.ts';
import { turnRefusalRecordSchema } from './turn-refusal.ts';
import { disconnectedSchema, disconnectTargetSchema, turnSessionListSchema } from './turn-session.ts';

export const CONTROL_VERSION = 1;
export const CONTROL_MAX_LINE_BYTES = 1024 * 1024;

const nothing = z.object({});
const counters = z.record(z.string(), z.number());

export const helloResultSchema = z.object({
  service: z.enum(['turn', 'sfu']),
  namespace: z.string(),
  controlVersion: z.number(),
  pid: z.number(),
  startedAtMs: z.number(),
});

const common = {
  hello: { params: z.object({ controlVersion: z.number() }), result: helloResultSchema },
  /**
   * Reads the configuration file again. Refused (old one kept) when it is not valid; a certificate that cannot be
   * used is told by `status` and holds up nothing else.
   */
  reload: { params: nothing, result: nothing },
  /** No new allocations or joins; the process ends itself when empty or after `deadlineMs`. */
  drain: { params: z.object({ deadlineMs: z.number().int().min(0) }), result: nothing },
} as const;

/** What a service ends with after `drain`: done, so whoever watches it does not start it again. */
export const DRAINED_EXIT_CODE = 77;

export const turnStatusSchema = z.object({
  ready: z.boolean(),
  draining: z.boolean(),
  listeners: z.array(
    z.object({ transport: z.string(), address: z.string(), port: z.number(), open: z.boolean() }),
  ),
  allocations: z.number(),
  connections: z.number(),
  /** Client-to-peer and peer-to-client totals since start. */
  relayed: z.object({
    toPeerPackets: z.number(),
    toPeerBytes: z.number(),
    toClientPackets: z.number(),
    toClientBytes: z.number(),
  }),
  drops: counters,
  /** Refusals by `method code`, for example `Allocate 401`. */
  refusals: counters,
  /** Datagrams the kernel threw away before this process read them, since start: full receive buffers. */
  kernelDrops: z.number().default(0),
  /** Bounds by the name they have in the configuration; `used` is left out where each source has its own. */
  limits: z
    .array(
      z.object({ name: z.string(), limit: z.number(), used: z.number().optional(), refused: z.number() }),
    )
    .default([]),
  /** What terminates DTLS; `none`: the addon is not built or does not fit, DTLS listeners are off. */
  dtls: z.enum(['openssl-addon', 'none']).optional(),
  /** How UDP datagrams travel; `dgram`: one by one, because the addon is not built or was switched off. */
  datagrams: z.enum(['mmsg-addon', 'dgram']).optional(),
  /** Why the DTLS listeners are off, with the remedy; left out when they are open or not wanted. */
  dtlsProblem: z.string().optional(),
  /** What new TLS and DTLS sessions get. `problem`: why a newer certificate is not used, or empty. */
  certificate: z.object({ notAfterMs: z.number(), fingerprint: z.string(), problem: z.string() }).optional(),
  process: processLoadSchema.optional(),
});
export type TurnStatus = z.infer<typeof turnStatusSchema>;

export const turnControlMethods = {
  ...common,
  status: { params: nothing, result: turnStatusSchema },
  sessions: {
    params: z.object({ limit: z.number().int().min(1).max(1000).default(100) }),
    result: turnSessionListSchema,
  },
  /** The last refusals, newest first: what the counters of `status` cannot tell. */
  refusals: { params: nothing, result: z.object({ items: z.array(turnRefusalRecordSchema) }) },
  /** Ends every session of a username or subject, or one by its id. */
  disconnect: { params: disconnectTargetSchema, result: disconnectedSchema },
} as const;
export const turnControlEvents = {} as const;

/**
 * One ingest: media pulled from a camera by the daemon's signaling. `offered`: our SDP is out;
 * `connected`: DTLS is up; `flowing`: RTP arrives; `stalled`: connected, but no RTP for 3 s; `closed`.
 */
export const ingestStateSchema = z.enum(['offered', 'connected', 'flowing', 'stalled', 'closed']);
export type IngestState = z.infer<typeof ingestStateSchema>;

export const ingestSchema = z.object({
  ingestId: z.string(),
  roomId: z.string(),
  state: ingestStateSchema,
  /** Opaque to the SFU; the daemon finds its camera session again with it after a restart. */
  note: z.string(),
  openedAtMs: z.number(),
  video: z
    .object({
      codec: z.string(),
      bitsPerSecond: z.number(),
      framesPerSecond: z.number(),
      keyFrameIntervalMs: z.number().nullable(),
      width: z.number().nullable(),
      height: z.number().nullable(),
      packetsLost: z.number(),
      /** H.264: profile and level of the real SPS, whatever the SDP said. */
      profileLevelId: z.string().nullable().optional(),
      /** What viewers will not like about the stream, as a sentence; empty when nothing is known. */
      problem: z.string().optional(),
    })
    .nullable(),
});
export type Ingest = z.infer<typeof ingestSchema>;

export const sfuStatusSchema = z.object({
  ready: z.boolean(),
  draining: z.boolean(),
  sessions: z.number(),
  rooms: z.number(),
  publishers: z.number(),
  subscriptions: z.number(),
  forwarded: z.object({ packets: z.number(), bytes: z.number() }),
  drops: counters,
  process: processLoadSchema.optional(),
  /** The processes behind this one, where there are several. */
  workers: z.array(sfuWorkerStatusSchema).optional(),
  /** How UDP datagrams travel, as in the TURN service's status. */
  datagrams: z.enum(['mmsg-addon', 'dgram']).optional(),
  /** Data messages: channels that are open, messages from participants, copies to others. */
  data: z.object({ channels: z.number(), received: z.number(), sent: z.number() }).optional(),
  /** Viewers whose path cannot carry what they watch: they are spared whole pictures. At most 50 are named. */
  slowViewers: z
    .array(
      z.object({
        identity: z.string(),
        sinceMs: z.number(),
        /** What the path carries, null while unknown. */
        bitsPerSecond: z.number().nullable(),
        queueMs: z.number(),
      }),
    )
    .optional(),
});
export type SfuStatus = z.infer<typeof sfuStatusSchema>;

/** Somebody is given the media of a room. `untilMs` is null while that goes on. */
export const watchSchema = z.object({
  watchId: z.string(),
  roomId: z.string(),
  identity: z.string(),
  sinceMs: z.number(),
  untilMs: z.number().nullable(),
});
export type Watch = z.infer<typeof watchSchema>;

const ingestRef = z.object({ ingestId: z.string().min(1).max(128) });

export const sfuControlMethods = {
  ...common,
  status: { params: nothing, result: sfuStatusSchema },
  'rooms.list': { params: nothing, result: z.object({ rooms: z.array(roomSchema) }) },
  'rooms.get': { params: z.object({ roomId: roomIdSchema }), result: roomSchema },
  /** Makes a room that nobody is in yet. Refused with room_exists or room_limit. */
  'rooms.create': {
    params: roomSettingsSchema.extend({ roomId: roomIdSchema }),
    result: roomSchema,
  },
  /** Everybody in the room gets `kicked`; the room is gone. */
  'rooms.close': { params: z.object({ roomId: roomIdSchema }), result: nothing },
  /** How far each viewer, or one, has come towards a picture, and what is missing. */
  'rooms.viewers': {
    params: z.object({ roomId: roomIdSchema, participantId: z.string().max(128).optional() }),
    result: roomViewersSchema,
  },
  /** Sends people away. Refused with room_not_found or participant_not_found. */
  'rooms.kick': {
    params: kickSchema.extend({ roomId: roomIdSchema }),
    result: z.object({ ended: z.number() }),
  },
  /** `tracks`: how many it concerns now. Refused as above. */
  'rooms.mute': {
    params: muteSchema.extend({ roomId: roomIdSchema }),
    result: z.object({ tracks: z.number() }),
  },
  /** Who is kept out and who is muted; the newest 1500. */
  'moderation.list': { params: nothing, result: z.object({ entries: z.array(moderationEntrySchema) }) },
  /** What an SFU process of before knew of an open room: it holds from now on, for who is in it too. */
  'moderation.restore': {
    params: z.object({
      roomId: roomIdSchema,
      entries: z.array(moderationEntrySchema.omit({ roomId: true })).max(1000),
    }),
    result: nothing,
  },
  /** Ends all sessions of an identity. */
  'sessions.kick': {
    params: z.object({ identity: z.string(), reason: z.string().max(200) }),
    result: z.object({ ended: z.number() }),
  },
  /** How many subscriptions each room has: the demand that the daemon starts and stops cameras by. */
  'demand.list': {
    params: nothing,
    result: z.object({ rooms: z.array(z.object({ roomId: z.string(), subscribers: z.number() })) }),
  },
  /** Who watches which room, and the last that did. */
  'watches.list': { params: nothing, result: z.object({ watches: z.array(watchSchema) }) },
  /**
   * Opens (or replaces, for the same room) a camera's receive leg. The result is our offer: recvonly video
   * and, when asked, audio, with all candidates inside. A replaced ingest keeps its tracks and viewers.
   */
  'ingest.open': {
    params: ingestRef.extend({
      roomId: roomIdSchema,
      identity: z.string().min(1).max(128),
      note: z.string().max(4096).default(''),
      audio: z.boolean().default(false),
    }),
    result: z.object({ sdp: sdpSchema }),
  },
  'ingest.answer': { params: ingestRef.extend({ sdp: sdpSchema }), result: nothing },
  'ingest.candidate': {
    params: ingestRef.extend({ candidate: iceCandidateInitSchema }),
    result: nothing,
  },
  'ingest.note': { params: ingestRef.extend({ note: z.string().max(4096) }), result: nothing },
  'ingest.close': { params: ingestRef, result: nothing },
  'ingest.list': { params: nothing, result: z.object({ ingests: z.array(ingestSchema) }) },
  /**
   * The namespace's TURN service is another process now: every relay of before is gone. Restarts ICE of all
   * subscribe connections, and sends publishing clients their TURN credentials again: they offer themselves.
   */
  'relays.restarted': { params: nothing, result: z.object({ sessions: z.number() }) },
  /**
   * Tells the room's viewers why its source is away: sends `source-lost` with this sentence, or
   * `source-back` when `lost` is false.
   */
  'source.state': {
    params: z.object({ roomId: roomIdSchema, lost: z.boolean(), message: z.string().max(300).default('') }),
    result: nothing,
  },
} as const;

export const sfuControlEvents = {
  /** A watch began, or ended. */
  watch: watchSchema,
  /** The number of subscriptions to a room's tracks (or waiting for its first track) changed. */
  demand: z.object({ roomId: z.string(), subscribers: z.number() }),
  /** A moderator has said something of somebody, or it was undone: all that holds of them now. */
  moderation: moderationEntrySchema,
  /** A participant with the right to has moderated a room over its own socket: for the audit. */
  moderated: z.object({
    action: z.enum(['kick', 'mute', 'close']),
    roomId: z.string(),
    /** The moderator's identity. */
    actor: z.string(),
    /** What it said, and of whom. */
    detail: z.record(z.string().max(40), z.union([z.string(), z.number(), z.boolean()])),
  }),
  /** A room has come into being or is gone. */
  room: z.object({ roomId: z.string(), state: z.enum(['opened', 'closed']) }),
  ingest: z.object({
    ingestId: z.string(),
    roomId: z.string(),
    state: ingestStateSchema,
    reason: z.string(),
  }),
} as const;

export type Moderated = z.infer<typeof sfuControlEvents.moderated>;

export type ControlMethods = Record<string, { params: z.ZodType; result: z.ZodType }>;
export type ControlEvents = Record<string, z.ZodType>;

export const controlRequestSchema = z.object({
  id: z.number().int(),
  method: z.string().max(64),
  params: z.unknown().optional(),
});
export const controlMessageSchema = z.union([
  z.object({ id: z.number().int(), result: z.unknown() }),
  z.object({ id: z.number().int(), error: z.object({ code: z.string(), message: z.string() }) }),
  z.object({ event: z.string(), data: z.unknown() }),
]);
