/** Facts of one viewer in one room, for the sentence that says why it is black. */
import type { RoomViewer, SentTrack, ViewerTimeline } from '../../contract/rooms.ts';
import type { TrackInfo } from '../../contract/signaling.ts';
import type { DownlinkStats } from '../media/core/types.ts';
import { wants, type Member, type Room } from '../rooms/room.ts';
import { viewerTimeline, type ConnectionFacts, type ViewerFacts } from '../rooms/why-black.ts';
import type { RoomDirector } from './room-director.ts';
import { problemOf } from './stream-problem.ts';

/** Of more tracks than these nobody asks at once. */
const MAX_TIMELINES = 8;

/** What a session tells of itself. */
export interface ViewerSession {
  readonly openedAtMs: number;
  readonly figures: ReadonlyMap<string, Record<string, number>>;
  connectionFacts(): ConnectionFacts | null;
  trackFacts(
    trackId: string,
  ): Pick<
    ViewerFacts,
    'paused' | 'held' | 'behind' | 'packetAtMs' | 'keyFrameAtMs' | 'decodedAtMs' | 'reports'
  >;
  sentOf(trackId: string): DownlinkStats | undefined;
}

/** @param session of this member. */
export function viewerView(
  room: Room,
  member: Member,
  session: ViewerSession,
  context: { director: Pick<RoomDirector, 'track'>; nowMs: number },
): RoomViewer {
  const others = [...room.tracks.values()].filter((track) => track.participantId !== member.participantId);
  const videos = others.filter((track) => track.kind === 'video');
  const shown = (videos.length > 0 ? videos : others).slice(0, MAX_TIMELINES);
  const line = (track: TrackInfo | null): ViewerTimeline =>
    viewerTimeline(factsOf({ room, member, session, track, ...context }));
  const { participantId, identity } = member;
  const own = others.flatMap(({ trackId }) => {
    const figures = session.figures.get(trackId);
    return figures === undefined ? [] : [[trackId, figures] as const];
  });
  const sent = shown.flatMap(({ trackId }) => {
    const stats = session.sentOf(trackId);
    return stats === undefined ? [] : [[trackId, sentTrack(stats)] as const];
  });
  return {
    ...{ participantId, identity, figures: Object.fromEntries(own), sent: Object.fromEntries(sent) },
    timelines: shown.length === 0 ? [line(null)] : shown.map(line),
  };
}

function sentTrack(stats: DownlinkStats): SentTrack {
  const { packets, bytes, nacksReceived, retransmitted, nacksUnanswerable, plisReceived } = stats;
  const { framesSpared, layerSwitches, rid, height, roundTripMs, fractionLost } = stats;
  return {
    ...{ packets, bytes, nacksReceived, retransmitted, nacksUnanswerable, plisReceived },
    ...{ framesSpared, layerSwitches, rid, height, roundTripMs, fractionLost },
  };
}

function factsOf({
  room,
  member,
  session,
  track,
  director,
  nowMs,
}: {
  room: Room;
  member: Member;
  session: ViewerSession;
  track: TrackInfo | null;
  director: Pick<RoomDirector, 'track'>;
  nowMs: number;
}): ViewerFacts {
  const media = track === null ? undefined : director.track(track.trackId);
  const stats = (media?.sources ?? []).map((source) => source.stats(nowMs));
  const packets = stats.flatMap(({ lastPacketAtMs }) => (lastPacketAtMs === null ? [] : [lastPacketAtMs]));
  const nothing = {
    paused: false,
    held: false,
    behind: false,
    packetAtMs: null,
    keyFrameAtMs: null,
    decodedAtMs: null,
    reports: false,
  };
  return {
    nowMs,
    trackId: track?.trackId ?? null,
    kind: track?.kind ?? 'video',
    sessionAtMs: session.openedAtMs,
    connected: member.connected,
    source: {
      lost: room.sourceLost?.message ?? null,
      mutedBy: track?.muted !== true ? null : track.forced ? 'moderator' : 'publisher',
      lastPacketAtMs: packets.length === 0 ? null : Math.max(...packets),
      keyFrames: stats.reduce((sum, one) => sum + one.keyFrames, 0),
      problem: problemOf(stats, media?.declared) ?? null,
    },
    unwanted: track !== null && !wants(member, track),
    undecodable:
      track !== null && member.undecodable.has(track.trackId) ? (media?.codec.name ?? 'this codec') : null,
    connection: session.connectionFacts(),
    ...(track === null ? nothing : session.trackFacts(track.trackId)),
  };
}
