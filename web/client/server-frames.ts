/**
 * Reads what the signaling server sends. The contract's zod schemas stay on the server (they would cost the
 * page its size budget); these guards check exactly the fields the client uses. Both forms of a frame are
 * taken, because the first frame comes before the server has seen ours.
 */
import type { ServerFrame, ServerFrameType, TrackInfo } from '../../daemon/contract/signaling.ts';

/** A longer frame is not parsed: an offer for 64 media sections is below 200 kB. */
export const MAX_SERVER_FRAME_CHARACTERS = 512 * 1024;

type Fields = Record<string, unknown>;
type Check = (value: unknown) => boolean;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => Number.isFinite(value);
const flag: Check = (value) => typeof value === 'boolean';
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= 512 && value.every(check);
const shape =
  (fields: Record<string, Check>): Check =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
const record =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);

const participant = shape({ participantId: text, identity: text, name: text });
const track = shape({
  trackId: text,
  roomId: text,
  kind: (value) => value === 'audio' || value === 'video',
  mimeType: text,
  fmtp: text,
  muted: flag,
} satisfies Partial<Record<keyof TrackInfo, Check>>);
const candidate = orNull(shape({ candidate: text }));
const credentials = {
  iceServers: listOf(shape({ urls: listOf(text), username: text, credential: text })),
};
const connectionId = optional(text);
const connection: Check = (value) => value === 'subscribe' || value === 'publish';

const SHAPES: Record<ServerFrameType, Record<string, Check>> = {
  session: { resumeToken: text, resumed: flag },
  welcome: {
    requestId: optional(text),
    roomId: text,
    participants: listOf(participant),
    tracks: listOf(track),
    sourceLost: orNull(text),
  },
  left: { roomId: text },
  'peer-joined': { roomId: text, participant },
  'peer-left': { roomId: text, participantId: text, kicked: optional(text) },
  offer: { connectionId, offerId: optional(text), connection, sdp: text, mids: record(orNull(text)) },
  answer: { requestId: optional(text), connection, sdp: text, mids: optional(record(text)) },
  'ice-candidate': { connectionId, connection, candidate },
  'turn-credentials': credentials,
  'refresh-credentials': credentials,
  'track-added': { track },
  'track-removed': { roomId: text, trackId: text },
  'track-state': {
    trackId: text,
    muted: optional(flag),
    forced: optional(flag),
    paused: optional(flag),
    reason: optional(text),
  },
  'active-speaker': { roomId: text, participantId: orNull(text) },
  slot: { connectionId, mid: text, trackId: orNull(text) },
  'source-lost': { roomId: text, message: text, sinceMs: number },
  'source-back': { roomId: text },
  'server-draining': { retryAfterMs: number, alternatives: listOf(text) },
  kicked: { roomId: orNull(text), reason: text },
  'data-open': { requestId: optional(text), connectionId, maxMessageBytes: number },
  done: { requestId: optional(text) },
  pong: {},
  error: {
    requestId: optional(text),
    code: text,
    message: text,
    roomId: optional(text),
    connection: optional(connection),
    connectionId,
  },
};

/** @returns undefined for anything that is not a frame of the contract: the caller ignores it. */
export function readServerFrame(data: unknown): ServerFrame | undefined {
  if (typeof data !== 'string' || data.length > MAX_SERVER_FRAME_CHARACTERS) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (!isObject(parsed) || typeof parsed['type'] !== 'string') return undefined;
  const { type, data: inner, ...rest } = parsed;
  if (!Object.hasOwn(SHAPES, type)) return undefined;
  const payload = isObject(inner) ? inner : rest;
  if (!shape(SHAPES[type as ServerFrameType])(payload)) return undefined;
  return { ...payload, type } as ServerFrame;
}
