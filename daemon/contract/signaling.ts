/**
 * Signaling frames: one WebSocket is one session of one namespace. Both forms are accepted, the flat one
 * of seed 001 (`{type, ...}`) and the envelope (`{type, data}`); a client is answered in the form of its
 * first frame. The tables give the payload without `type`.
 *
 * One session has at most two peer connections: `subscribe` (the SFU always offers) carries every
 * track the session watches, of any number of rooms; `publish` (the client offers) carries what it sends. Where the
 * rooms are spread over several workers (`sfu.workers`), a session whose client says `connections: many` has one
 * `subscribe` connection for each worker: frames about it carry its `connectionId`, and answers repeat it.
 */
import { z } from 'zod';
import { iceCandidateInitSchema, iceServerSchema, sdpSchema } from './ice.ts';
import { roomIdSchema } from './names.ts';
import { ERROR_CODES } from './errors.ts';

export const SIGNALING_MAX_FRAME_BYTES = 64 * 1024;
export const RESUME_WINDOW_MS = 30_000;
/** A session that sends nothing, not even a pong, for this long is closed. */
export const SIGNALING_IDLE_MS = 60_000;
export const SIGNALING_PING_MS = 20_000;

export const connectionSchema = z.enum(['subscribe', 'publish']);
export type SignalingConnection = z.infer<typeof connectionSchema>;

/** A published track as others see it. `trackId` is unique in the namespace and stable while it lives. */
export const trackInfoSchema = z.object({
  trackId: z.string(),
  roomId: z.string(),
  participantId: z.string(),
  identity: z.string(),
  kind: z.enum(['audio', 'video']),
  source: z.enum(['camera', 'screen', 'microphone', 'ingest', 'unknown']),
  /** For example `video/H264`; fmtp of what is really sent (profile-level-id from the SPS). */
  mimeType: z.string(),
  fmtp: z.string(),
  muted: z.boolean(),
  /** A moderator has muted it: only a moderator can undo that, and nothing of it is sent to anybody. */
  forced: z.boolean().optional(),
});

export type TrackInfo = z.infer<typeof trackInfoSchema>;

export const participantInfoSchema = z.object({
  participantId: z.string(),
  identity: z.string(),
  name: z.string(),
});
export type ParticipantInfo = z.infer<typeof participantInfoSchema>;

/**
 * What a ticket may do in the rooms it opens: send media, receive, send people away and mute them, send data messages.
 */
export const roomRightSchema = z.enum(['publish', 'subscribe', 'admin', 'data']);
export type RoomRight = z.infer<typeof roomRightSchema>;

/** One participant is sent away. `forSeconds` > 0: everybody of its identity, and they stay away so long. */
export const kickSchema = z.object({
  participantId: z.string().min(1).max(128),
  reason: z.string().min(1).max(200).default('A moderator has ended it.'),
  forSeconds: z.number().int().min(0).max(86_400).default(30),
});
export type Kick = z.infer<typeof kickSchema>;

/**
 * A moderator mutes or unmutes what a participant sends; without `kind` all of it. It holds for its identity in
 * this room, whatever it publishes later, until it is undone or the room is gone.
 */
export const muteSchema = z.object({
  participantId: z.string().min(1).max(128),
  kind: z.enum(['audio', 'video']).optional(),
  muted: z.boolean(),
});
export type Mute = z.infer<typeof muteSchema>;

/** Which of several subscribe connections; left out where there is one. A new id is a new connection. */
const connectionId = { connectionId: z.string().max(32).optional() };

/**
 * Which offer of the server: its answer repeats it, so that one that comes after a newer offer was made is known and
 * dropped. A client that leaves it out is believed to answer the newest. Offers of clients have their `requestId` for that.
 */
const offerId = { offerId: z.string().max(64).optional() };

/** `requestId` is echoed in the answer or the error it causes. */
const requestId = { requestId: z.string().max(64).optional() };

export const clientFrames = {
  /**
   * Joins a room. `subscribe: auto` (default) watches all its tracks, present and future; `none` waits
   * for `subscribe` frames. `userId` (seed 001) is accepted and ignored: identity is the credential's.
   */
  join: z.object({
    ...requestId,
    roomId: roomIdSchema,
    subscribe: z.enum(['auto', 'none']).default('auto'),
    /** `many`: this client understands `connectionId`. It holds for the session. */
    connections: z.enum(['one', 'many']).optional(),
    userId: z.string().max(256).optional(),
  }),
  leave: z.object({ ...requestId, roomId: roomIdSchema }),
  /** Starts watching a track, or all tracks of a joined room. */
  subscribe: z.object({ ...requestId, roomId: roomIdSchema, trackId: z.string().max(128).optional() }),
  /** Stops watching; the slot stays for the next subscription. */
  unsubscribe: z.object({ ...requestId, roomId: roomIdSchema, trackId: z.string().max(128).optional() }),
  /** Pauses or resumes what this session receives (`trackId` of another) or sends (`muted`, own track). */
  'track-state': z.object({
    ...requestId,
    trackId: z.string().max(128),
    paused: z.boolean().optional(),
    muted: z.boolean().optional(),
    /**
     * Lines this session shows the picture at, in device pixels; null: as many as there are. A publisher that
     * sends several encodings (simulcast), or layers of one (SVC), is then received in the smallest that fills them.
     */
    height: z.number().int().min(1).max(16_384).nullable().optional(),
  }),
  /** Publish leg only. `tracks` names the source of each mid; missing mids are `unknown`. */
  offer: z.object({
    ...requestId,
    connection: connectionSchema.default('publish'),
    roomId: roomIdSchema.optional(),
    sdp: sdpSchema,
    tracks: z
      .array(z.object({ mid: z.string().max(64), source: z.enum(['camera', 'screen', 'microphone']) }))
      .max(64)
      .optional(),
  }),
  answer: z.object({
    ...connectionId,
    ...offerId,
    connection: connectionSchema.default('subscribe'),
    sdp: sdpSchema,
  }),
  'ice-candidate': z.object({
    ...connectionId,
    connection: connectionSchema.default('subscribe'),
    candidate: iceCandidateInitSchema.nullable(),
  }),
  /** Asks for an ICE restart of the subscribe leg (the SFU offers again with new credentials). */
  restart: z.object({ ...connectionId, connection: connectionSchema.default('subscribe') }),
  /** A viewer without a picture asks for a key frame: answered from the cache when there is one. */
  'key-frame': z.object({ trackId: z.string().max(128) }),
  /** First frame of a socket that continues a session within the window. */
  resume: z.object({ ...requestId, resumeToken: z.string().max(256) }),
  /** What the browser sees; kept for "why is it black". Free-form numbers by name, bounded. */
  stats: z.object({
    trackId: z.string().max(128),
    figures: z.record(z.string().max(40), z.number()).refine((value) => Object.keys(value).length <= 40),
  }),
  /**
   * Asks for data channels on the subscribe connection (that of `roomId`, where a session has several), once: answered with `data-open`, and an offer that has
   * a section for them. The client then opens channels (RFC 8832); what it sends is relayed to the others in a room.
   */
  'open-data': z.object({ ...requestId, roomId: roomIdSchema.optional() }),
  /** With the right `admin` only; answered with `done`. */
  kick: kickSchema.extend({ ...requestId, roomId: roomIdSchema }),
  mute: muteSchema.extend({ ...requestId, roomId: roomIdSchema }),
  /** Ends the room for everybody. */
  close: z.object({
    ...requestId,
    roomId: roomIdSchema,
    reason: z.string().min(1).max(200).default('A moderator has closed the room.'),
  }),
  ping: z.object({}),
} as const;

export type ClientFrameType = keyof typeof clientFrames;
export type ClientFrame = {
  [Type in ClientFrameType]: { type: Type } & z.infer<(typeof clientFrames)[Type]>;
}[ClientFrameType];

export const serverFrames = {
  /** First frame of a socket: the session. Sent again, with `resumed: true`, after a resume. */
  session: z.object({
    sessionId: z.string(),
    identity: z.string(),
    resumeToken: z.string(),
    resumed: z.boolean(),
    serverTimeMs: z.number(),
  }),
  /** Answer to `join`: who is there and what they publish (seed 001: `participants` includes self). */
  welcome: z.object({
    ...requestId,
    roomId: z.string(),
    participantId: z.string(),
    participants: z.array(participantInfoSchema),
    tracks: z.array(trackInfoSchema),
    /** The room's source is known to be away, and why. */
    sourceLost: z.string().nullable(),
  }),
  left: z.object({ ...requestId, roomId: z.string() }),
  'peer-joined': z.object({ roomId: z.string(), participant: participantInfoSchema }),
  'peer-left': z.object({
    roomId: z.string(),
    participantId: z.string(),
    /** A moderator sent it away, and why. */
    kicked: z.string().optional(),
  }),
  /** Our offer for the subscribe leg. `mids` says which track each media section carries now. */
  offer: z.object({
    ...connectionId,
    ...offerId,
    connection: connectionSchema,
    sdp: sdpSchema,
    mids: z.record(z.string(), z.string().nullable()),
  }),
  /** `mids`: the track that each section of the publish leg has become. */
  answer: z.object({
    ...requestId,
    connection: connectionSchema,
    sdp: sdpSchema,
    mids: z.record(z.string(), z.string()).optional(),
  }),
  'ice-candidate': z.object({
    ...connectionId,
    connection: connectionSchema,
    candidate: iceCandidateInitSchema.nullable(),
  }),
  /**
   * ICE servers for both legs; clients must use `iceTransportPolicy: "relay"`. Sent again to a client that
   * publishes when the relays were restarted: it restarts ICE by a new offer. Viewers are offered by the SFU.
   */
  'turn-credentials': z.object({
    iceServers: z.array(iceServerSchema),
    iceTransportPolicy: z.literal('relay'),
    username: z.string(),
    password: z.string(),
    ttl: z.number(),
    uris: z.array(z.string()),
  }),
  /** At 80 % of the TTL: fresh credentials, same shape as `turn-credentials`. */
  'refresh-credentials': z.object({
    iceServers: z.array(iceServerSchema),
    iceTransportPolicy: z.literal('relay'),
    username: z.string(),
    password: z.string(),
    ttl: z.number(),
    uris: z.array(z.string()),
  }),
  'track-added': z.object({ track: trackInfoSchema }),
  'track-removed': z.object({ roomId: z.string(), trackId: z.string() }),
  'track-state': z.object({
    trackId: z.string(),
    muted: z.boolean().optional(),
    /** A moderator has muted it. */
    forced: z.boolean().optional(),
    paused: z.boolean().optional(),
    /** Set when the server paused it, for example a viewer that stays behind. */
    reason: z.string().optional(),
  }),
  /** Who is loudest in the room, by the levels publishers send (RFC 6464); null: nobody speaks. */
  'active-speaker': z.object({ roomId: z.string(), participantId: z.string().nullable() }),
  /** A subscription took or lost its media section without a new offer. */
  slot: z.object({ ...connectionId, mid: z.string(), trackId: z.string().nullable() }),
  'source-lost': z.object({ roomId: z.string(), message: z.string(), sinceMs: z.number() }),
  'source-back': z.object({ roomId: z.string() }),
  /**
   * The server is about to stop: after `retryAfterMs` begin a session at one of `alternatives` (signaling addresses of
   * other servers, which have tickets of their own), or here again.
   */
  'server-draining': z.object({ retryAfterMs: z.number(), alternatives: z.array(z.string()) }),
  /** Answer to `open-data`: what data messages are held to. Sizes are of the payload, without its envelope. */
  'data-open': z.object({
    ...requestId,
    /** Whose channels: where a session has several connections. */
    ...connectionId,
    maxMessageBytes: z.number(),
    messagesPerSecond: z.number(),
    bytesPerSecond: z.number(),
    channels: z.number(),
  }),
  /** A `kick`, `mute` or `close` was carried out. */
  done: z.object({ ...requestId }),
  kicked: z.object({ roomId: z.string().nullable(), reason: z.string() }),
  pong: z.object({}),
  error: z.object({
    ...requestId,
    code: z.enum(ERROR_CODES),
    message: z.string(),
    roomId: z.string().optional(),
    /** The connection that ended, where the error is about that. */
    ...connectionId,
    connection: connectionSchema.optional(),
  }),
} as const;

export type ServerFrameType = keyof typeof serverFrames;
export type ServerFrameData<Type extends ServerFrameType> = z.infer<(typeof serverFrames)[Type]>;
export type ServerFrame = {
  [Type in ServerFrameType]: { type: Type } & ServerFrameData<Type>;
}[ServerFrameType];

/** Claims of the ticket the daemon's gateway presents to an SFU; see credentials/room-ticket.ts. */
export const roomTicketSchema = z.strictObject({
  namespace: z.string(),
  /** Who this is, for others and for the audit: a user name, an API key id, a device id. */
  identity: z.string().min(1).max(128),
  name: z.string().max(128),
  /** `viewer` may subscribe, `publisher` may publish too. */
  role: z.enum(['viewer', 'publisher']),
  /** What it may do exactly; without it, what its role may. */
  may: z.array(roomRightSchema).max(4).optional(),
  /** Only these rooms; null = every room of the namespace. */
  rooms: z.array(roomIdSchema).max(64).nullable(),
  expiresAtMs: z.number().int(),
});
export type RoomTicket = z.infer<typeof roomTicketSchema>;
