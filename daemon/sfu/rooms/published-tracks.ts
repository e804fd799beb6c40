/** What is published: tracks come, change, are muted by their publishers, and end for everybody. */
import { AppError } from '../../contract/errors.ts';
import type { TrackInfo } from '../../contract/signaling.ts';
import type { Moderation } from './moderation.ts';
import { requireRight, rightsOf, type Who } from './rights.ts';
import { memberOfSession, publishersOf, trackNotFound, type Member, type Room } from './room.ts';
import { toMember, toOthers, type RoomEffect } from './room-effects.ts';
import type { RoomTable } from './room-table.ts';
import type { Watching } from './watching.ts';

export class PublishedTracks {
  readonly #table: RoomTable;
  readonly #watching: Watching;
  readonly #moderation: Moderation;

  constructor(options: { table: RoomTable; watching: Watching; moderation: Moderation }) {
    this.#table = options.table;
    this.#watching = options.watching;
    this.#moderation = options.moderation;
  }

  get(trackId: string): TrackInfo | undefined {
    return this.#table.track(trackId)?.track;
  }

  /** The participant a session publishes as. @throws AppError forbidden or not_joined. */
  publisher(session: { sessionId: string; who: Who }, roomId: string): { participantId: string } {
    requireRight(rightsOf(session.who), 'publish');
    const { member } = this.#table.membership(session.sessionId, roomId);
    return { participantId: member.participantId };
  }

  /** @throws AppError track_limit, publisher_limit, or room_not_found when the publisher is not there. */
  publish(track: TrackInfo): RoomEffect[] {
    const room = this.#table.get(track.roomId);
    const publisher = room?.members.get(track.participantId);
    if (room === undefined || publisher === undefined) {
      throw new AppError('room_not_found', `There is no room "${track.roomId}" to publish into.`);
    }
    this.#checkLimits(room, track.participantId);
    const forced = this.#moderation.isMuted(room.roomId, publisher.identity, track.kind);
    const info = forced ? { ...track, muted: true, forced } : track;
    this.#table.addTrack(room, info);
    const silenced: RoomEffect[] = forced
      ? [
          { type: 'silence', trackId: track.trackId, silent: true },
          ...toMember(publisher, { type: 'track-state', trackId: track.trackId, muted: true, forced }),
        ]
      : [];
    return [
      ...silenced,
      ...toOthers(room, publisher.sessionId, { type: 'track-added', track: info }),
      ...this.#watching.settle(room),
    ];
  }

  /** Ends a track for everybody. Unknown ids are ignored. */
  unpublish(trackId: string): RoomEffect[] {
    const known = this.#table.track(trackId);
    if (known === undefined) return [];
    const { room, track } = known;
    const effects = this.#watching.endTrack(room, trackId);
    this.#table.removeTrack(room, trackId);
    const publisher = room.members.get(track.participantId);
    const { roomId } = room;
    effects.push(
      ...toOthers(room, publisher?.sessionId ?? null, { type: 'track-removed', roomId, trackId }),
      ...this.#watching.settle(room),
    );
    return effects;
  }

  /** All that a member publishes ends. */
  endMember(room: Room, member: Member): RoomEffect[] {
    return [...room.tracks.values()]
      .filter((track) => track.participantId === member.participantId)
      .flatMap(({ trackId }) => [...this.unpublish(trackId), { type: 'track-ended', trackId }]);
  }

  /** New facts of a track, for those who join later. */
  update(trackId: string, change: Partial<Pick<TrackInfo, 'fmtp'>>): void {
    const known = this.#table.track(trackId);
    known?.room.tracks.set(trackId, { ...known.track, ...change });
  }

  /** A publisher mutes or unmutes its own track. @throws AppError track_not_found or forbidden. */
  setMuted(sessionId: string, trackId: string, muted: boolean): RoomEffect[] {
    const known = this.#table.track(trackId);
    const member = known === undefined ? undefined : memberOfSession(known.room, sessionId);
    if (known === undefined || member === undefined) throw trackNotFound();
    const { room, track } = known;
    if (track.participantId !== member.participantId) {
      throw new AppError('forbidden', 'Only the publisher of a track can mute it for everybody.');
    }
    if (muted) room.selfMuted.add(trackId);
    else room.selfMuted.delete(trackId);
    if (track.forced) {
      if (muted) return [];
      throw new AppError('forbidden', 'A moderator has muted this track; only a moderator can unmute it.');
    }
    room.tracks.set(trackId, { ...track, muted });
    return toOthers(room, sessionId, { type: 'track-state', trackId, muted });
  }

  #checkLimits(room: Room, participantId: string): void {
    const { limits } = this.#table;
    let own = 0;
    for (const other of room.tracks.values()) if (other.participantId === participantId) own += 1;
    if (own >= limits.tracksPerParticipant) {
      const limit = String(limits.tracksPerParticipant);
      throw new AppError('track_limit', `One participant can publish ${limit} tracks.`);
    }
    if (own === 0 && publishersOf(room).size >= limits.publishersPerRoom) {
      const limit = String(limits.publishersPerRoom);
      throw new AppError('publisher_limit', `In one room ${limit} participants can publish at a time.`);
    }
  }
}
