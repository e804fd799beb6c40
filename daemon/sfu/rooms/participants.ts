/** Who comes and goes: sessions of people, and ingests of cameras. */
import { AppError } from '../../contract/errors.ts';
import type { ServerFrame } from '../../contract/signaling.ts';
import type { Moderation } from './moderation.ts';
import type { PublishedTracks } from './published-tracks.ts';
import { requireEntry, rightsOf, type Who } from './rights.ts';
import { memberOfSession, participantInfo, type Member, type Room } from './room.ts';
import { toOthers, welcomeFrames, type RoomEffect } from './room-effects.ts';
import type { RoomTable } from './room-table.ts';
import type { Watching } from './watching.ts';

export class Participants {
  readonly #table: RoomTable;
  readonly #tracks: PublishedTracks;
  readonly #watching: Watching;
  readonly #moderation: Moderation;
  readonly #newId: () => string;
  readonly #openRoom: (roomId: string, nowMs: number, effects: RoomEffect[]) => Room;

  /** `openRoom` makes the room when it is not there, and tells that in `effects`. */
  constructor(options: {
    table: RoomTable;
    tracks: PublishedTracks;
    watching: Watching;
    moderation: Moderation;
    newId: () => string;
    openRoom: (roomId: string, nowMs: number, effects: RoomEffect[]) => Room;
  }) {
    this.#table = options.table;
    this.#tracks = options.tracks;
    this.#watching = options.watching;
    this.#moderation = options.moderation;
    this.#newId = options.newId;
    this.#openRoom = options.openRoom;
  }

  /** @throws AppError forbidden, kicked, already_joined, room_not_found, room_limit, room_full. */
  join(
    session: { sessionId: string; who: Who },
    options: { roomId: string; subscribe: 'auto' | 'none'; requestId?: string | undefined },
    nowMs: number,
  ): RoomEffect[] {
    const { sessionId, who } = session;
    const { roomId, subscribe } = options;
    requireEntry(who, roomId);
    this.#moderation.refuseBanned(roomId, who.identity, nowMs);
    const known = this.#table.get(roomId);
    if (known !== undefined && memberOfSession(known, sessionId) !== undefined) {
      throw new AppError('already_joined', `This session is in the room "${roomId}" already.`);
    }
    this.#table.requirePlace(roomId, who);
    const effects: RoomEffect[] = [];
    const room = this.#openRoom(roomId, nowMs, effects);
    const member = this.#add(
      room,
      { ...{ sessionId, identity: who.identity, name: who.name, rights: rightsOf(who) }, subscribe },
      nowMs,
    );
    const participant = participantInfo(member);
    return [
      ...effects,
      ...toOthers(room, sessionId, { type: 'peer-joined', roomId, participant }),
      ...welcomeFrames(room, member, options.requestId).map(
        (frame) => ({ type: 'frame', sessionId, frame }) as const,
      ),
      ...this.#watching.settle(room),
    ];
  }

  /** What it would be told now as it joins: for a client that has resumed. */
  welcomeAgain(sessionId: string): ServerFrame[] {
    return this.#table.ofSession(sessionId).flatMap(({ room, member }) => welcomeFrames(room, member));
  }

  /** @throws AppError not_joined. */
  leave(sessionId: string, roomId: string, nowMs: number): RoomEffect[] {
    const { room, member } = this.#table.membership(sessionId, roomId);
    return this.remove(room, member, nowMs);
  }

  /** The session is over: it leaves everywhere. */
  endSession(sessionId: string, nowMs: number): RoomEffect[] {
    const effects = this.#table
      .ofSession(sessionId)
      .flatMap(({ room, member }) => this.remove(room, member, nowMs));
    this.#watching.endSession(sessionId);
    return effects;
  }

  /** The session goes on with other rights: what they do not allow any more ends. */
  setRights(sessionId: string, who: Who): RoomEffect[] {
    return this.#table.ofSession(sessionId).flatMap(({ room, member }) => {
      member.rights = rightsOf(who);
      const ended = member.rights.has('publish') ? [] : this.#tracks.endMember(room, member);
      return [...ended, ...this.#watching.settle(room)];
    });
  }

  setConnected(sessionId: string, connected: boolean): void {
    for (const { member } of this.#table.ofSession(sessionId)) member.connected = connected;
  }

  /** A camera enters a room to publish. @throws AppError room_limit or room_full. */
  joinIngest(
    roomId: string,
    who: { identity: string; name: string },
    nowMs: number,
  ): { participantId: string; effects: RoomEffect[] } {
    this.#table.requirePlace(roomId, null);
    const effects: RoomEffect[] = [];
    const room = this.#openRoom(roomId, nowMs, effects);
    const member = this.#add(room, { sessionId: null, ...who, rights: new Set(), subscribe: 'none' }, nowMs);
    const participant = participantInfo(member);
    return {
      participantId: member.participantId,
      effects: [...effects, ...toOthers(room, null, { type: 'peer-joined', roomId, participant })],
    };
  }

  /** A camera leaves for good; its tracks end. Unknown ids are ignored. */
  leaveIngest(roomId: string, participantId: string, nowMs: number): RoomEffect[] {
    const room = this.#table.get(roomId);
    const member = room?.members.get(participantId);
    return room === undefined || member === undefined ? [] : this.remove(room, member, nowMs);
  }

  /** @param kicked why a moderator sent it away. */
  remove(room: Room, member: Member, nowMs: number, kicked?: string): RoomEffect[] {
    const { roomId } = room;
    const { participantId } = member;
    const effects = [...this.#watching.endMember(room, member), ...this.#tracks.endMember(room, member)];
    room.members.delete(participantId);
    if (room.members.size === 0) room.emptySinceMs = nowMs;
    effects.push(
      ...toOthers(room, null, {
        type: 'peer-left',
        ...{ roomId, participantId },
        ...(kicked !== undefined && { kicked }),
      }),
      ...this.#watching.settle(room),
    );
    return effects;
  }

  #add(
    room: Room,
    who: Pick<Member, 'sessionId' | 'identity' | 'name' | 'rights' | 'subscribe'>,
    nowMs: number,
  ): Member {
    const member: Member = {
      ...who,
      participantId: this.#newId(),
      joinedAtMs: nowMs,
      connected: true,
      wanted: new Set(),
      unwanted: new Set(),
      undecodable: new Set(),
      watching: new Set(),
    };
    room.members.set(member.participantId, member);
    room.emptySinceMs = null;
    return member;
  }
}
