/** What follows from a change of a room, and the frames that tell it. Pure. */
import type { ServerFrame, TrackInfo } from '../../contract/signaling.ts';
import { participantInfo, type Member, type Room } from './room.ts';

/** A member is given a track, or no longer. */
export type WatchEffect = {
  type: 'watch' | 'unwatch';
  sessionId: string;
  trackId: string;
  roomId: string;
  identity: string;
};

export type RoomEffect =
  | { type: 'frame'; sessionId: string; frame: ServerFrame }
  | WatchEffect
  | { type: 'demand'; roomId: string; subscribers: number }
  | { type: 'room'; roomId: string; state: 'opened' | 'closed' }
  /** The publisher's section must end: its room is gone. */
  | { type: 'track-ended'; trackId: string }
  /** A moderator has muted the track, or not any more: nothing of it is sent to anybody. */
  | { type: 'silence'; trackId: string; silent: boolean };

/** To every session in the room but one. */
export function toOthers(room: Room, exceptSessionId: string | null, frame: ServerFrame): RoomEffect[] {
  const effects: RoomEffect[] = [];
  for (const { sessionId } of room.members.values()) {
    if (sessionId !== null && sessionId !== exceptSessionId)
      effects.push({ type: 'frame', sessionId, frame });
  }
  return effects;
}

export function toMember({ sessionId }: Member, frame: ServerFrame): RoomEffect[] {
  return sessionId === null ? [] : [{ type: 'frame', sessionId, frame }];
}

/** The answer to `join`, or what it would be now, and who speaks: otherwise that is told only when it changes. */
export function welcomeFrames(room: Room, member: Member, requestId?: string): ServerFrame[] {
  const { roomId } = room;
  const speaker = room.speaker.current;
  return [
    {
      type: 'welcome',
      ...(requestId === undefined ? {} : { requestId }),
      roomId,
      participantId: member.participantId,
      participants: [...room.members.values()].map(participantInfo),
      tracks: [...room.tracks.values()],
      sourceLost: room.sourceLost?.message ?? null,
    },
    ...(speaker === null ? [] : [{ type: 'active-speaker' as const, roomId, participantId: speaker }]),
  ];
}

/** A moderator mutes a track, or undoes that; what its publisher has muted stays muted. */
export function forceMuted(room: Room, track: TrackInfo, forced: boolean): RoomEffect[] {
  if ((track.forced ?? false) === forced) return [];
  const { trackId } = track;
  const muted = forced || room.selfMuted.has(trackId);
  room.tracks.set(trackId, { ...track, muted, forced });
  return [
    { type: 'silence', trackId, silent: forced },
    ...toOthers(room, null, { type: 'track-state', trackId, muted, forced }),
  ];
}

/** The room's source is away (why), or back (null). Says nothing twice. */
export function sourceChange(room: Room, lost: string | null, nowMs: number): RoomEffect[] {
  const { roomId } = room;
  if ((room.sourceLost?.message ?? null) === lost) return [];
  if (lost === null) {
    room.sourceLost = null;
    return toOthers(room, null, { type: 'source-back', roomId });
  }
  const sinceMs = room.sourceLost?.sinceMs ?? nowMs;
  room.sourceLost = { message: lost, sinceMs };
  return toOthers(room, null, { type: 'source-lost', roomId, message: lost, sinceMs });
}

/** Somebody else speaks now, or nobody: by how loud the tracks are that are not muted. */
export function speakerChange(
  room: Room,
  loudnessOf: (trackId: string) => number,
  nowMs: number,
): RoomEffect[] {
  const loudness = new Map<string, number>();
  for (const { kind, muted, participantId, trackId } of room.tracks.values()) {
    if (kind !== 'audio' || muted) continue;
    loudness.set(participantId, Math.max(loudness.get(participantId) ?? 0, loudnessOf(trackId)));
  }
  if (loudness.size === 0 && room.speaker.current === null) return [];
  if (!room.speaker.update(loudness, nowMs)) return [];
  const participantId = room.speaker.current;
  return toOthers(room, null, { type: 'active-speaker', roomId: room.roomId, participantId });
}
