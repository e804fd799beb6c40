/** The rooms there are, where their members and tracks are found, and who may bring another one into being. */
import { AppError } from '../../contract/errors.ts';
import type { RoomPolicy, RoomSettings } from '../../contract/rooms.ts';
import type { TrackInfo } from '../../contract/signaling.ts';
import { requireMaking, type Who } from './rights.ts';
import { memberOfSession, newRoom, type Member, type Room, type RoomLimits } from './room.ts';

export class RoomTable {
  readonly #rooms = new Map<string, Room>();
  readonly #roomOfTrack = new Map<string, Room>();
  limits: RoomLimits;
  policy: RoomPolicy;

  constructor(limits: RoomLimits, policy: RoomPolicy) {
    this.limits = limits;
    this.policy = policy;
  }

  get size(): number {
    return this.#rooms.size;
  }

  values(): IterableIterator<Room> {
    return this.#rooms.values();
  }

  get(roomId: string): Room | undefined {
    return this.#rooms.get(roomId);
  }

  /** @throws AppError room_not_found. */
  require(roomId: string): Room {
    const room = this.#rooms.get(roomId);
    if (room === undefined) throw new AppError('room_not_found', `There is no room "${roomId}".`);
    return room;
  }

  /** The rooms a session is in, with its place in each. */
  ofSession(sessionId: string): { room: Room; member: Member }[] {
    return [...this.#rooms.values()].flatMap((room) => {
      const member = memberOfSession(room, sessionId);
      return member === undefined ? [] : [{ room, member }];
    });
  }

  /** @throws AppError not_joined. */
  membership(sessionId: string, roomId: string): { room: Room; member: Member } {
    const room = this.#rooms.get(roomId);
    const member = room === undefined ? undefined : memberOfSession(room, sessionId);
    if (room === undefined || member === undefined) {
      throw new AppError('not_joined', `This session is not in the room "${roomId}".`);
    }
    return { room, member };
  }

  /** @throws AppError room_not_found or participant_not_found. */
  participant(roomId: string, participantId: string): { room: Room; member: Member } {
    const room = this.require(roomId);
    const member = room.members.get(participantId);
    if (member !== undefined) return { room, member };
    throw new AppError('participant_not_found', `Nobody in the room "${roomId}" has this id.`);
  }

  /** A published track and the room it is in. */
  track(trackId: string): { room: Room; track: TrackInfo } | undefined {
    const room = this.#roomOfTrack.get(trackId);
    const track = room?.tracks.get(trackId);
    return room === undefined || track === undefined ? undefined : { room, track };
  }

  addTrack(room: Room, track: TrackInfo): void {
    room.tracks.set(track.trackId, track);
    this.#roomOfTrack.set(track.trackId, room);
  }

  removeTrack(room: Room, trackId: string): void {
    room.tracks.delete(trackId);
    room.selfMuted.delete(trackId);
    this.#roomOfTrack.delete(trackId);
  }

  get isFull(): boolean {
    return this.#rooms.size >= this.limits.rooms;
  }

  /** That there is a place for one more when `ending` rooms go. @throws AppError room_limit. */
  requireSpace(ending: number): void {
    if (this.#rooms.size - ending < this.limits.rooms) return;
    throw new AppError('room_limit', 'This namespace has as many rooms as it may.');
  }

  /** A room that nobody is in yet. */
  add(roomId: string, settings: RoomSettings | null, nowMs: number): Room {
    const room = newRoom(roomId, nowMs, settings);
    this.#rooms.set(roomId, room);
    return room;
  }

  /** The room is gone, and its tracks with it. */
  remove(room: Room): void {
    for (const trackId of [...room.tracks.keys()]) this.removeTrack(room, trackId);
    room.members.clear();
    this.#rooms.delete(room.roomId);
  }

  /** That one more may come into a room, or make it: `who` null is a camera's ingest. @throws AppError room_not_found or room_full. */
  requirePlace(roomId: string, who: Who | null): void {
    const known = this.#rooms.get(roomId);
    if (known === undefined) {
      if (who !== null) requireMaking(who, roomId, this.policy.creation);
      return;
    }
    const { participantsPerRoom } = this.limits;
    const most = Math.min(participantsPerRoom, known.settings?.maxParticipants ?? participantsPerRoom);
    if (known.members.size >= most) throw new AppError('room_full', `The room "${roomId}" is full.`);
  }
}
