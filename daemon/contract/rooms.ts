/** Rooms of a namespace, as the control socket, the API and the command line show them. */
import { z } from 'zod';
import { namespaceNameSchema, roomIdSchema } from './names.ts';
import { kickSchema, muteSchema, roomRightSchema, trackInfoSchema } from './signaling.ts';

/**
 * Who may bring a room into being by going there. `join`: whoever may enter it; `publish`: whoever may publish
 * in it; `api`: nobody, rooms are made by `POST /v1/webrtc/rooms`. Rooms of cameras are always made on demand.
 */
export const roomCreationSchema = z.enum(['join', 'publish', 'api']);
export type RoomCreation = z.infer<typeof roomCreationSchema>;

/** Data messages that participants of a room send each other through the SFU. */
export const dataPolicySchema = z.strictObject({
  /** Payload of one message, in bytes, without its envelope. */
  maxMessageBytes: z.number().int().min(1).max(65_536).default(16_384),
  /** Of one session; twice as many at once after a pause. */
  messagesPerSecond: z.number().int().min(1).max(10_000).default(50),
  bytesPerSecond: z.number().int().min(1).max(100_000_000).default(262_144),
  /** Data channels of one session. */
  channels: z.number().int().min(1).max(64).default(8),
  /** What waits for one receiver, in bytes. */
  queueBytes: z.number().int().min(1024).max(16_777_216).default(262_144),
  /** Copies that all rooms of one namespace together get. */
  copiesPerSecond: z.number().int().min(1).max(1_000_000).default(5000),
});
export type DataPolicy = z.infer<typeof dataPolicySchema>;

export const roomPolicySchema = z.strictObject({
  creation: roomCreationSchema.default('join'),
  /** A room that nobody made on purpose is kept this long while nobody is in it. */
  emptyTimeoutSeconds: z.number().int().min(5).max(86_400).default(60),
  data: dataPolicySchema.prefault({}),
});
export type RoomPolicy = z.infer<typeof roomPolicySchema>;
export const DEFAULT_ROOM_POLICY: RoomPolicy = roomPolicySchema.parse({});

/** What a room was made with; it outlives the SFU process. */
export const roomSettingsSchema = z.object({
  /** null: until it is closed. */
  emptyTimeoutSeconds: z.number().int().min(5).max(86_400).nullable().default(300),
  /** Below the namespace's limit; null: that limit alone. */
  maxParticipants: z.number().int().min(1).max(10_000).nullable().default(null),
});
export type RoomSettings = z.infer<typeof roomSettingsSchema>;

/** One encoding of a track as it arrives: a track without simulcast has one, with `rid` null. */
export const encodingSchema = z.object({
  rid: z.string().nullable(),
  bitsPerSecond: z.number(),
  framesPerSecond: z.number(),
  width: z.number().nullable(),
  height: z.number().nullable(),
  keyFrameIntervalMs: z.number().nullable(),
  packetsLost: z.number(),
  packetsRecovered: z.number(),
  /** null: nothing has come yet. */
  lastPacketAtMs: z.number().nullable(),
});
export type Encoding = z.infer<typeof encodingSchema>;

export const roomTrackSchema = trackInfoSchema.extend({
  /** Over all its encodings. */
  bitsPerSecond: z.number().default(0),
  encodings: z.array(encodingSchema).default([]),
  watchers: z.number().default(0),
  /** What is wrong with the stream itself, as a sentence with its remedy. */
  problem: z.string().optional(),
});
export type RoomTrack = z.infer<typeof roomTrackSchema>;

export const roomParticipantSchema = z.object({
  participantId: z.string(),
  identity: z.string(),
  name: z.string().default(''),
  /** `camera`: its media are fetched by the daemon; it has no session. */
  kind: z.enum(['session', 'camera']).default('session'),
  may: z.array(roomRightSchema).default([]),
  joinedAtMs: z.number(),
  connected: z.boolean(),
  tracks: z.array(roomTrackSchema),
  subscriptions: z.number(),
});
export type RoomParticipant = z.infer<typeof roomParticipantSchema>;

export const roomSchema = z.object({
  roomId: z.string(),
  createdAtMs: z.number(),
  /** What it was made with by `POST`; null for one that came into being by itself. */
  settings: roomSettingsSchema.nullable().default(null),
  /** null while somebody is in it. */
  emptySinceMs: z.number().nullable().default(null),
  /** Why its source is away. */
  sourceLost: z.string().nullable().default(null),
  /** The participant that is loudest now. */
  speaker: z.string().nullable().default(null),
  participants: z.array(roomParticipantSchema),
});
export type Room = z.infer<typeof roomSchema>;

/** What moderators have said of somebody in a room: kept out until then, muted whatever is published. */
export const moderationEntrySchema = z.object({
  roomId: roomIdSchema,
  identity: z.string().min(1).max(128),
  ban: z.object({ untilMs: z.number(), reason: z.string().max(200) }).nullable(),
  muted: z.array(z.enum(['audio', 'video'])).max(2),
});
export type ModerationEntry = z.infer<typeof moderationEntrySchema>;

// -- API -----------------------------------------------------------------------------------------------

export const roomsQuerySchema = z.object({
  namespace: namespaceNameSchema.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** Rooms after this id, in the order of the ids. */
  after: roomIdSchema.optional(),
});

export const roomViewSchema = roomSchema.extend({
  namespace: z.string(),
  /** The node that serves it; null while that is not known. */
  node: z.string().nullable(),
});
export type RoomView = z.infer<typeof roomViewSchema>;

/** `next`: the `after` of the next page, null on the last. `total`: of all pages. */
export const roomListSchema = z.object({
  rooms: z.array(roomViewSchema),
  total: z.number(),
  next: z.string().nullable(),
});
export type RoomList = z.infer<typeof roomListSchema>;

/** The rooms of a namespace in live events: the first of them, in the order of their ids. */
export const roomsLiveSchema = z.object({
  namespace: z.string(),
  rooms: z.array(roomViewSchema),
  total: z.number(),
  /** Why they cannot be told; null: they are. */
  sentence: z.string().nullable(),
});
export type RoomsLive = z.infer<typeof roomsLiveSchema>;

/** Without `roomId` one is chosen. */
export const createRoomSchema = z.strictObject({
  namespace: namespaceNameSchema.optional(),
  roomId: roomIdSchema.optional(),
  /** Seed 001's name of it; with both, `roomId` counts. */
  room_id: roomIdSchema.optional(),
  ...roomSettingsSchema.shape,
});

/** `DELETE /v1/webrtc/rooms?room_id=`: as seed 001 closes a room. */
export const closeRoomQuerySchema = z.object({
  namespace: namespaceNameSchema.optional(),
  room_id: roomIdSchema,
});

/** `POST /v1/webrtc/rooms/:roomId/kick` and `.../mute`. */
export const kickRequestSchema = z.strictObject(kickSchema.shape);
export const kickedSchema = z.object({ ended: z.number() });
export const muteRequestSchema = z.strictObject(muteSchema.shape);
export const mutedSchema = z.object({ tracks: z.number() });

// -- Why is it black? ------------------------------------------------------------------------------------

/** From the credential to the picture, each the cause of the next. */
export const viewerStepSchema = z.object({
  id: z.enum(['credential', 'allocation', 'ice', 'dtls', 'packet', 'key-frame', 'decoded']),
  done: z.boolean(),
  /** Server time; null: not yet, or nobody has seen when. */
  atMs: z.number().nullable(),
});
export type ViewerStep = z.infer<typeof viewerStepSchema>;

export const viewerTimelineSchema = z.object({
  /** null: there is no track to watch. */
  trackId: z.string().nullable(),
  kind: z.enum(['audio', 'video']),
  steps: z.array(viewerStepSchema),
  /** The first step that has not happened; null: it has a picture. */
  missing: viewerStepSchema.shape.id.nullable(),
  sentence: z.string(),
});
export type ViewerTimeline = z.infer<typeof viewerTimelineSchema>;

/**
 * What the SFU sent one viewer of a track, and what came back. Counted since the section of its connection was opened,
 * which may have carried another track before.
 */
export const sentTrackSchema = z.object({
  packets: z.number(),
  bytes: z.number(),
  /** Packets asked for again (NACK, RFC 4585 section 6.2.1), those of them sent again, and those no longer there. */
  nacksReceived: z.number(),
  retransmitted: z.number(),
  nacksUnanswerable: z.number(),
  /** Picture loss indications (RFC 4585 section 6.3.1). */
  plisReceived: z.number(),
  /** Whole pictures left out because its path carries no more. */
  framesSpared: z.number(),
  /** Moves from one encoding, or one spatial layer of it, to another; and the encoding it has: null when there is only one. */
  layerSwitches: z.number(),
  rid: z.string().nullable(),
  /** Lines of the picture it is sent; null until a key frame told. */
  height: z.number().nullable().default(null),
  /** From its receiver reports; null before the first. `fractionLost`: 0 to 1. */
  roundTripMs: z.number().nullable(),
  fractionLost: z.number().nullable(),
});
export type SentTrack = z.infer<typeof sentTrackSchema>;

export const roomViewerSchema = z.object({
  participantId: z.string(),
  identity: z.string(),
  /** What its browser last reported, by track. */
  figures: z.record(z.string(), z.record(z.string(), z.number())).default({}),
  /** What was sent to it, by track. */
  sent: z.record(z.string(), sentTrackSchema).default({}),
  timelines: z.array(viewerTimelineSchema),
});
export type RoomViewer = z.infer<typeof roomViewerSchema>;

export const roomViewersQuerySchema = z.object({
  namespace: namespaceNameSchema.optional(),
  participant: z.string().min(1).max(128).optional(),
});
export const roomViewersSchema = z.object({ roomId: z.string(), viewers: z.array(roomViewerSchema) });
export type RoomViewers = z.infer<typeof roomViewersSchema>;

/** `GET /api/devices/:id/explain`: the caller's own viewers of a camera; who may read rooms sees all. */
export const deviceExplanationSchema = roomViewersSchema.extend({ sentence: z.string() });
export type DeviceExplanation = z.infer<typeof deviceExplanationSchema>;
