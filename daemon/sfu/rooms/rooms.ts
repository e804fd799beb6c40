/**
 * The rooms of a namespace: how they begin and end, and the parts that say who may do what in them. Sans-IO:
 * calls change the state and return effects, which the signaling side carries out. Refusals are AppErrors and
 * change nothing.
 */
import { AppError } from '../../contract/errors.ts';
import { DEFAULT_ROOM_POLICY, type RoomPolicy, type RoomSettings } from '../../contract/rooms.ts';
import { Moderation } from './moderation.ts';
import { Moderators } from './moderators.ts';
import { Participants } from './participants.ts';
import { PublishedTracks } from './published-tracks.ts';
import { sourceChange, speakerChange, toOthers, type RoomEffect } from './room-effects.ts';
import { RoomTable } from './room-table.ts';
import { demandOf, isOver, type Room, type RoomLimits } from './room.ts';
import { Watching } from './watching.ts';

export class Rooms {
  readonly #table: RoomTable;
  readonly #moderation: Moderation;
  readonly participants: Participants;
  readonly tracks: PublishedTracks;
  readonly watching: Watching;
  readonly moderators: Moderators;

  /** `newId` gives participants' ids that are unique for the life of the process. */
  constructor(options: {
    limits: RoomLimits;
    policy?: RoomPolicy;
    newId: () => string;
    moderation?: Moderation;
  }) {
    const moderation = options.moderation ?? new Moderation();
    const table = new RoomTable(options.limits, options.policy ?? DEFAULT_ROOM_POLICY);
    this.#moderation = moderation;
    this.#table = table;
    this.watching = new Watching(table);
    this.tracks = new PublishedTracks({ table, watching: this.watching, moderation });
    this.participants = new Participants({
      ...{ table, tracks: this.tracks, watching: this.watching, moderation },
      newId: options.newId,
      openRoom: (roomId, nowMs, effects) => table.get(roomId) ?? this.#add(roomId, null, nowMs, effects),
    });
    this.moderators = new Moderators({ table, participants: this.participants, moderation });
  }

  get size(): number {
    return this.#table.size;
  }

  /** Takes other limits; what is above them already stays. */
  setLimits(limits: RoomLimits): void {
    this.#table.limits = limits;
  }

  /** Counts for rooms that come into being from now on, and for how long empty ones are kept. */
  setPolicy(policy: RoomPolicy): void {
    this.#table.policy = policy;
  }

  list(): readonly Room[] {
    return [...this.#table.values()];
  }

  get(roomId: string): Room | undefined {
    return this.#table.get(roomId);
  }

  /** The rooms a session is in. */
  ofSession(sessionId: string): Room[] {
    return this.#table.ofSession(sessionId).map(({ room }) => room);
  }

  /** Rooms with their demand, those without any left out. */
  demands(): { roomId: string; subscribers: number }[] {
    return this.list()
      .map((room) => ({ roomId: room.roomId, subscribers: demandOf(room) }))
      .filter(({ subscribers }) => subscribers > 0);
  }

  /** Makes a room that nobody is in yet. @throws AppError room_exists or room_limit. */
  create(roomId: string, settings: RoomSettings, nowMs: number): RoomEffect[] {
    if (this.#table.get(roomId) !== undefined) {
      throw new AppError('room_exists', `There is a room "${roomId}" already.`);
    }
    const effects: RoomEffect[] = [];
    this.#add(roomId, settings, nowMs, effects);
    return effects;
  }

  /** Ends a room at once. @throws AppError room_not_found. */
  close(roomId: string, reason: string): RoomEffect[] {
    const room = this.#table.require(roomId);
    const effects = toOthers(room, null, { type: 'kicked', roomId, reason });
    for (const member of room.members.values()) effects.push(...this.watching.endMember(room, member));
    for (const trackId of room.tracks.keys()) effects.push({ type: 'track-ended', trackId });
    this.#remove(room);
    if (room.toldDemand > 0) effects.push({ type: 'demand', roomId, subscribers: 0 });
    effects.push({ type: 'room', roomId, state: 'closed' });
    return effects;
  }

  /** Removes rooms that have been empty for as long as they are kept. To be called now and then. */
  sweep(nowMs: number): RoomEffect[] {
    this.#moderation.sweep(nowMs);
    return this.#end(this.#over(nowMs));
  }

  /** Tells the room's viewers that its source is away, or back. Says nothing twice. */
  setSource(roomId: string, lost: string | null, nowMs: number): RoomEffect[] {
    const room = this.#table.get(roomId);
    return room === undefined ? [] : sourceChange(room, lost, nowMs);
  }

  /**
   * Tells everybody in a room who speaks now, when that changed.
   * @param loudnessOf of a track, 0 to 127; muted tracks are not asked for.
   */
  updateSpeakers(loudnessOf: (trackId: string) => number, nowMs: number): RoomEffect[] {
    return this.list().flatMap((room) => speakerChange(room, loudnessOf, nowMs));
  }

  #add(roomId: string, settings: RoomSettings | null, nowMs: number, effects: RoomEffect[]): Room {
    // Rooms that are over make space, but only where that is enough: a refusal changes nothing.
    const over = this.#table.isFull ? this.#over(nowMs) : [];
    this.#table.requireSpace(over.length);
    const room = this.#table.add(roomId, settings, nowMs);
    effects.push(...this.#end(over), { type: 'room', roomId, state: 'opened' });
    return room;
  }

  #over(nowMs: number): Room[] {
    return this.list().filter((room) => isOver(room, nowMs, this.#table.policy.emptyTimeoutSeconds * 1000));
  }

  #end(rooms: readonly Room[]): RoomEffect[] {
    return rooms.map((room) => {
      this.#remove(room);
      return { type: 'room', roomId: room.roomId, state: 'closed' };
    });
  }

  #remove(room: Room): void {
    this.#table.remove(room);
    this.#moderation.forgetRoom(room.roomId);
  }
}
