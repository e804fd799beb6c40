/** A room as the daemon is told of it: who is in it, what they publish, and what of that arrives now. */
import type { Encoding, Room as RoomView, RoomTrack } from '../../contract/rooms.ts';
import type { TrackInfo } from '../../contract/signaling.ts';
import type { SourceStats } from '../media/core/types.ts';
import type { Room } from '../rooms/room.ts';
import type { RoomDirector } from './room-director.ts';
import { problemOf } from './stream-problem.ts';

export function roomView(room: Room, director: Pick<RoomDirector, 'track'>, nowMs: number): RoomView {
  const members = [...room.members.values()];
  const tracks = [...room.tracks.values()].map((track) => trackView(track, room, director, nowMs));
  return {
    roomId: room.roomId,
    createdAtMs: room.createdAtMs,
    settings: room.settings,
    emptySinceMs: room.emptySinceMs,
    sourceLost: room.sourceLost?.message ?? null,
    speaker: room.speaker.current,
    participants: members.map((member) => ({
      participantId: member.participantId,
      identity: member.identity,
      name: member.name,
      kind: member.sessionId === null ? 'camera' : 'session',
      may: [...member.rights],
      joinedAtMs: member.joinedAtMs,
      connected: member.connected,
      tracks: tracks.filter((track) => track.participantId === member.participantId),
      subscriptions: member.watching.size,
    })),
  };
}

function trackView(
  track: TrackInfo,
  room: Room,
  director: Pick<RoomDirector, 'track'>,
  nowMs: number,
): RoomTrack {
  const received = (director.track(track.trackId)?.sources ?? []).map((source) => source.stats(nowMs));
  const encodings = received.map(encodingOf);
  const problem = problemOf(received, director.track(track.trackId)?.declared);
  let watchers = 0;
  for (const member of room.members.values()) if (member.watching.has(track.trackId)) watchers += 1;
  const bitsPerSecond = encodings.reduce((sum, one) => sum + one.bitsPerSecond, 0);
  return { ...track, bitsPerSecond, encodings, watchers, ...(problem && { problem }) };
}

function encodingOf(stats: SourceStats): Encoding {
  const { rid, bitsPerSecond, framesPerSecond, width, height, keyFrameIntervalMs } = stats;
  const { packetsLost, packetsRecovered, lastPacketAtMs } = stats;
  return {
    ...{ rid, bitsPerSecond, framesPerSecond, width, height, keyFrameIntervalMs },
    ...{ packetsLost, packetsRecovered, lastPacketAtMs },
  };
}
