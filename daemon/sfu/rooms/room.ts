/** One room: who is in it, what they publish, who wants what. Pure state, changed only by rooms.ts. */
import { AppError } from '../../contract/errors.ts';
import type { RoomSettings } from '../../contract/rooms.ts';
import { ActiveSpeaker } from './active-speaker.ts';
import type { ParticipantInfo, RoomRight, TrackInfo } from '../../contract/signaling.ts';

export type RoomLimits = {
  rooms: number;
  participantsPerRoom: number;
  tracksPerParticipant: number;
  publishersPerRoom: number;
  subscriptionsPerSession: number;
};

/** Whoever is in a room: a viewer's session, or a camera's ingest (no session, publishes only). */
export type Member = {
  participantId: string;
  identity: string;
  name: string;
  rights: ReadonlySet<RoomRight>;
  /** null for an ingest. */
  sessionId: string | null;
  joinedAtMs: number;
  /** False while the session's socket is away and may still resume. */
  connected: boolean;
  /** `auto`: every track of the room, present and future. */
  subscribe: 'auto' | 'none';
  /** Tracks asked for one by one, and tracks of an `auto` member that it does not want. */
  wanted: Set<string>;
  unwanted: Set<string>;
  /** Of those, the ones that its browser has said it cannot decode. */
  undecodable: Set<string>;
  /** Tracks this member is given now. */
  watching: Set<string>;
};

export type Room = {
  roomId: string;
  createdAtMs: number;
  /** What it was made with on purpose; null for one that came into being by itself. */
  settings: RoomSettings | null;
  members: Map<string, Member>;
  tracks: Map<string, TrackInfo>;
  /** Tracks whose publishers have muted them, whatever moderators say. */
  selfMuted: Set<string>;
  /** Why the room's source is away; null while it is not known to be. */
  sourceLost: { message: string; sinceMs: number } | null;
  /** Since when nobody is in it; null while somebody is. */
  emptySinceMs: number | null;
  speaker: ActiveSpeaker;
  /** The demand that was last told. */
  toldDemand: number;
};

export function newRoom(roomId: string, nowMs: number, settings: RoomSettings | null = null): Room {
  return {
    roomId,
    createdAtMs: nowMs,
    settings,
    members: new Map(),
    tracks: new Map(),
    selfMuted: new Set(),
    sourceLost: null,
    emptySinceMs: nowMs,
    speaker: new ActiveSpeaker(),
    toldDemand: 0,
  };
}

export function participantInfo(member: Member): ParticipantInfo {
  return { participantId: member.participantId, identity: member.identity, name: member.name };
}

/** Whether a member is to be given a track: its own never. */
export function wants(member: Member, track: TrackInfo): boolean {
  if (member.sessionId === null || track.participantId === member.participantId) return false;
  if (!member.rights.has('subscribe')) return false;
  if (member.wanted.has(track.trackId)) return true;
  return member.subscribe === 'auto' && !member.unwanted.has(track.trackId);
}

/** Members that watch something here, or wait for the first track: what a camera is started for. */
export function demandOf(room: Room): number {
  let demand = 0;
  for (const member of room.members.values()) {
    if (member.sessionId === null || !member.rights.has('subscribe')) continue;
    if (member.subscribe === 'auto' || member.watching.size > 0) demand += 1;
  }
  return demand;
}

/** Whether a room has been empty for as long as it is kept. `defaultMs` counts for those made by themselves. */
export function isOver(room: Room, nowMs: number, defaultMs: number): boolean {
  if (room.emptySinceMs === null) return false;
  const keptSeconds = room.settings === null ? defaultMs / 1000 : room.settings.emptyTimeoutSeconds;
  return keptSeconds !== null && nowMs - room.emptySinceMs >= keptSeconds * 1000;
}

/** Whoever publishes something here. */
export function publishersOf(room: Room): Set<string> {
  return new Set([...room.tracks.values()].map((track) => track.participantId));
}

export function memberOfSession(room: Room, sessionId: string): Member | undefined {
  for (const member of room.members.values()) if (member.sessionId === sessionId) return member;
  return undefined;
}

export function trackNotFound(): AppError {
  return new AppError('track_not_found', 'There is no such track to watch here.');
}
