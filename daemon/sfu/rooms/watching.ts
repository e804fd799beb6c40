/** Who is given which track: what members want, held to how many tracks one session may watch. */
import { AppError } from '../../contract/errors.ts';
import { requireRight } from './rights.ts';
import { demandOf, memberOfSession, trackNotFound, wants, type Member, type Room } from './room.ts';
import type { RoomEffect, WatchEffect } from './room-effects.ts';
import type { RoomTable } from './room-table.ts';

export class Watching {
  readonly #table: RoomTable;
  readonly #watchedBySession = new Map<string, number>();

  constructor(table: RoomTable) {
    this.#table = table;
  }

  /** Starts watching one track, or all of the room. @throws AppError not_joined, forbidden, track_not_found, track_limit. */
  subscribe(sessionId: string, roomId: string, trackId: string | undefined): RoomEffect[] {
    const { room, member } = this.#table.membership(sessionId, roomId);
    requireRight(member.rights, 'subscribe');
    if (trackId === undefined) {
      member.subscribe = 'auto';
      member.unwanted.clear();
      member.undecodable.clear();
      return this.settle(room);
    }
    const track = room.tracks.get(trackId);
    if (track === undefined || track.participantId === member.participantId) throw trackNotFound();
    if (!member.watching.has(trackId) && this.#full(sessionId)) throw this.#tooMany();
    member.unwanted.delete(trackId);
    member.undecodable.delete(trackId);
    member.wanted.add(trackId);
    return this.settle(room);
  }

  /** Stops watching one track, or all of the room. @throws AppError not_joined. */
  unsubscribe(sessionId: string, roomId: string, trackId: string | undefined): RoomEffect[] {
    const { room, member } = this.#table.membership(sessionId, roomId);
    if (trackId === undefined) {
      member.subscribe = 'none';
      member.wanted.clear();
      member.unwanted.clear();
      member.undecodable.clear();
    } else {
      member.wanted.delete(trackId);
      if (member.subscribe === 'auto' && room.tracks.has(trackId)) member.unwanted.add(trackId);
    }
    return this.settle(room);
  }

  /** The viewer cannot take the track: nothing more is sent to it. */
  refuse(sessionId: string, trackId: string): RoomEffect[] {
    const room = this.#table.track(trackId)?.room;
    const member = room === undefined ? undefined : memberOfSession(room, sessionId);
    if (room === undefined || member === undefined) return [];
    member.wanted.delete(trackId);
    member.unwanted.add(trackId);
    member.undecodable.add(trackId);
    return this.settle(room);
  }

  /** Brings what members are given in line with what they want, then tells a changed demand. */
  settle(room: Room): RoomEffect[] {
    const effects: RoomEffect[] = [];
    for (const member of room.members.values()) {
      if (member.sessionId === null) continue;
      for (const trackId of [...member.watching]) {
        const track = room.tracks.get(trackId);
        if (track === undefined || !wants(member, track))
          effects.push(...this.#unwatch(room, member, trackId));
      }
      for (const track of room.tracks.values()) {
        if (member.watching.has(track.trackId) || !wants(member, track)) continue;
        if (this.#full(member.sessionId)) break;
        member.watching.add(track.trackId);
        this.#count(member.sessionId, 1);
        effects.push(watchEffect('watch', room, member.sessionId, member.identity, track.trackId));
      }
    }
    const demand = demandOf(room);
    if (demand !== room.toldDemand) {
      room.toldDemand = demand;
      effects.push({ type: 'demand', roomId: room.roomId, subscribers: demand });
    }
    return effects;
  }

  /** A member leaves: it is given nothing any more. */
  endMember(room: Room, member: Member): RoomEffect[] {
    return [...member.watching].flatMap((trackId) => this.#unwatch(room, member, trackId));
  }

  /** A track is over: nobody is given it, nor wants it. */
  endTrack(room: Room, trackId: string): RoomEffect[] {
    return [...room.members.values()].flatMap((member) => {
      member.wanted.delete(trackId);
      member.unwanted.delete(trackId);
      member.undecodable.delete(trackId);
      return this.#unwatch(room, member, trackId);
    });
  }

  endSession(sessionId: string): void {
    this.#watchedBySession.delete(sessionId);
  }

  #unwatch(room: Room, member: Member, trackId: string): RoomEffect[] {
    if (member.sessionId === null || !member.watching.delete(trackId)) return [];
    this.#count(member.sessionId, -1);
    return [watchEffect('unwatch', room, member.sessionId, member.identity, trackId)];
  }

  #count(sessionId: string, by: number): void {
    const left = (this.#watchedBySession.get(sessionId) ?? 0) + by;
    if (left <= 0) this.#watchedBySession.delete(sessionId);
    else this.#watchedBySession.set(sessionId, left);
  }

  #full(sessionId: string): boolean {
    const { subscriptionsPerSession } = this.#table.limits;
    return (this.#watchedBySession.get(sessionId) ?? 0) >= subscriptionsPerSession;
  }

  #tooMany(): AppError {
    const limit = String(this.#table.limits.subscriptionsPerSession);
    return new AppError('track_limit', `One session can watch ${limit} tracks at a time.`);
  }
}

function watchEffect(
  type: 'watch' | 'unwatch',
  { roomId }: Room,
  sessionId: string,
  identity: string,
  trackId: string,
): WatchEffect {
  return { type, sessionId, trackId, roomId, identity };
}
