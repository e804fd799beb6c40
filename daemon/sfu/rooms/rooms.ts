/**
 * The rooms of a namespace: who may do what, and what follows from it. Sans-IO: calls change the state and
 * return effects, which the signaling side carries out. Refusals are AppErrors and change nothing.
 */
import { AppError } from '../../contract/errors.ts';
import { DEFAULT_ROOM_POLICY, type RoomPolicy, type RoomSettings } from '../../contract/rooms.ts';
import type { Kick, Mute, RoomTicket, ServerFrame, TrackInfo } from '../../contract/signaling.ts';
import { Moderation } from './moderation.ts';
import {
  forceMuted,
  sourceChange,
  speakerChange,
  toMember,
  toOthers,
  welcomeFrame,
  type RoomEffect,
  type WatchEffect,
} from './room-effects.ts';
import { requireEntry, requireMaking, requireRight, rightsOf } from './rights.ts';
import {
  demandOf,
  isOver,
  memberOfSession,
  newRoom,
  participantInfo,
  trackNotFound,
  publishersOf,
  wants,
  type Member,
  type Room,
  type RoomLimits,
} from './room.ts';

export type { RoomEffect, WatchEffect } from './room-effects.ts';

export type Who = Pick<RoomTicket, 'identity' | 'name' | 'role' | 'rooms' | 'may'>;

export class Rooms {
  #limits: RoomLimits;
  #policy: RoomPolicy;
  readonly #newId: (kind: 'participant') => string;
  readonly #rooms = new Map<string, Room>();
  readonly #roomOfTrack = new Map<string, Room>();
  readonly #watchedBySession = new Map<string, number>();
  readonly #moderation: Moderation;

  /** `newId` gives ids that are unique for the life of the process. */
  constructor(options: {
    limits: RoomLimits;
    policy?: RoomPolicy;
    newId: (kind: 'participant') => string;
    moderation?: Moderation;
  }) {
    this.#limits = options.limits;
    this.#policy = options.policy ?? DEFAULT_ROOM_POLICY;
    this.#newId = options.newId;
    this.#moderation = options.moderation ?? new Moderation();
  }

  get size(): number {
    return this.#rooms.size;
  }

  /** Takes other limits; what is above them already stays. */
  setLimits(limits: RoomLimits): void {
    this.#limits = limits;
  }

  /** Counts for rooms that come into being from now on, and for how long empty ones are kept. */
  setPolicy(policy: RoomPolicy): void {
    this.#policy = policy;
  }

  list(): readonly Room[] {
    return [...this.#rooms.values()];
  }

  get(roomId: string): Room | undefined {
    return this.#rooms.get(roomId);
  }

  track(trackId: string): TrackInfo | undefined {
    return this.#roomOfTrack.get(trackId)?.tracks.get(trackId);
  }

  /** The rooms a session is in. */
  roomsOf(sessionId: string): Room[] {
    return this.list().filter((room) => memberOfSession(room, sessionId) !== undefined);
  }

  /** Rooms with their demand, those without any left out. */
  demands(): { roomId: string; subscribers: number }[] {
    return this.list()
      .map((room) => ({ roomId: room.roomId, subscribers: demandOf(room) }))
      .filter(({ subscribers }) => subscribers > 0);
  }

  // -- Participants ----------------------------------------------------------------------------------

  /** @throws AppError forbidden, kicked, already_joined, room_not_found, room_limit, room_full. */
  join(
    session: { sessionId: string; who: Who },
    options: { roomId: string; subscribe: 'auto' | 'none'; requestId?: string | undefined },
    nowMs: number,
  ): RoomEffect[] {
    const { sessionId, who } = session;
    requireEntry(who, options.roomId);
    this.#moderation.refuseBanned(options.roomId, who.identity, nowMs);
    const known = this.#rooms.get(options.roomId);
    if (known !== undefined && memberOfSession(known, sessionId) !== undefined) {
      throw new AppError('already_joined', `This session is in the room "${options.roomId}" already.`);
    }
    const effects: RoomEffect[] = [];
    const room = this.#open(options.roomId, nowMs, effects, who);
    const member = this.#addMember(
      room,
      {
        ...{ sessionId, identity: who.identity, name: who.name, rights: rightsOf(who) },
        subscribe: options.subscribe,
      },
      nowMs,
    );
    return [
      ...effects,
      ...toOthers(room, sessionId, {
        type: 'peer-joined',
        roomId: room.roomId,
        participant: participantInfo(member),
      }),
      { type: 'frame', sessionId, frame: welcomeFrame(room, member, options.requestId) },
      ...this.#settle(room),
    ];
  }

  /** What `welcome` would say now: for a client that has resumed. */
  welcomeAgain(sessionId: string): ServerFrame[] {
    return this.roomsOf(sessionId).flatMap((room) => {
      const member = memberOfSession(room, sessionId);
      return member === undefined ? [] : [welcomeFrame(room, member)];
    });
  }

  /** @throws AppError not_joined. */
  leave(sessionId: string, roomId: string, nowMs: number): RoomEffect[] {
    const { room, member } = this.#membership(sessionId, roomId);
    return this.#removeMember(room, member, nowMs);
  }

  /** The session is over: it leaves everywhere. */
  endSession(sessionId: string, nowMs: number): RoomEffect[] {
    const effects = this.roomsOf(sessionId).flatMap((room) => {
      const member = memberOfSession(room, sessionId);
      return member === undefined ? [] : this.#removeMember(room, member, nowMs);
    });
    this.#watchedBySession.delete(sessionId);
    return effects;
  }

  /** The session goes on with other rights: what they do not allow any more ends. */
  setRights(sessionId: string, who: Who): RoomEffect[] {
    return this.roomsOf(sessionId).flatMap((room) => {
      const member = memberOfSession(room, sessionId);
      if (member === undefined) return [];
      member.rights = rightsOf(who);
      const ended = member.rights.has('publish') ? [] : this.#endTracks(room, member);
      return [...ended, ...this.#settle(room)];
    });
  }

  setConnected(sessionId: string, connected: boolean): void {
    for (const room of this.#rooms.values()) {
      const member = memberOfSession(room, sessionId);
      if (member !== undefined) member.connected = connected;
    }
  }

  /** A camera enters a room to publish. @throws AppError room_limit or room_full. */
  joinIngest(
    roomId: string,
    who: { identity: string; name: string },
    nowMs: number,
  ): {
    participantId: string;
    effects: RoomEffect[];
  } {
    const effects: RoomEffect[] = [];
    const room = this.#open(roomId, nowMs, effects, null);
    const member = this.#addMember(
      room,
      { sessionId: null, ...who, rights: new Set(), subscribe: 'none' },
      nowMs,
    );
    const participant = participantInfo(member);
    return {
      participantId: member.participantId,
      effects: [...effects, ...toOthers(room, null, { type: 'peer-joined', roomId, participant })],
    };
  }

  /** A camera leaves for good; its tracks end. Unknown ids are ignored. */
  leaveIngest(roomId: string, participantId: string, nowMs: number): RoomEffect[] {
    const room = this.#rooms.get(roomId);
    const member = room?.members.get(participantId);
    return room === undefined || member === undefined ? [] : this.#removeMember(room, member, nowMs);
  }

  // -- Tracks ------------------------------------------------------------------------------------------

  /** The participant a session publishes as. @throws AppError forbidden or not_joined. */
  publisher(session: { sessionId: string; who: Who }, roomId: string): { participantId: string } {
    requireRight(rightsOf(session.who), 'publish');
    const { member } = this.#membership(session.sessionId, roomId);
    return { participantId: member.participantId };
  }

  /** @throws AppError track_limit, publisher_limit, or room_not_found when the publisher is not there. */
  publish(track: TrackInfo): RoomEffect[] {
    const room = this.#rooms.get(track.roomId);
    const publisher = room?.members.get(track.participantId);
    if (room === undefined || publisher === undefined) {
      throw new AppError('room_not_found', `There is no room "${track.roomId}" to publish into.`);
    }
    let own = 0;
    for (const other of room.tracks.values()) if (other.participantId === track.participantId) own += 1;
    if (own >= this.#limits.tracksPerParticipant) {
      const limit = String(this.#limits.tracksPerParticipant);
      throw new AppError('track_limit', `One participant can publish ${limit} tracks.`);
    }
    if (own === 0 && publishersOf(room).size >= this.#limits.publishersPerRoom) {
      const limit = String(this.#limits.publishersPerRoom);
      throw new AppError('publisher_limit', `In one room ${limit} participants can publish at a time.`);
    }
    const forced = this.#moderation.isMuted(room.roomId, publisher.identity, track.kind);
    const info = forced ? { ...track, muted: true, forced } : track;
    room.tracks.set(track.trackId, info);
    this.#roomOfTrack.set(track.trackId, room);
    const silenced: RoomEffect[] = forced
      ? [
          { type: 'silence', trackId: track.trackId, silent: true },
          ...toMember(publisher, { type: 'track-state', trackId: track.trackId, muted: true, forced }),
        ]
      : [];
    return [
      ...silenced,
      ...toOthers(room, publisher.sessionId, { type: 'track-added', track: info }),
      ...this.#settle(room),
    ];
  }

  /** Ends a track for everybody. Unknown ids are ignored. */
  unpublish(trackId: string): RoomEffect[] {
    const room = this.#roomOfTrack.get(trackId);
    const track = room?.tracks.get(trackId);
    if (room === undefined || track === undefined) return [];
    const effects: RoomEffect[] = [];
    for (const member of room.members.values()) {
      effects.push(...this.#unwatch(room, member, trackId));
      member.wanted.delete(trackId);
      member.unwanted.delete(trackId);
    }
    room.tracks.delete(trackId);
    room.selfMuted.delete(trackId);
    this.#roomOfTrack.delete(trackId);
    const publisher = room.members.get(track.participantId);
    effects.push(
      ...toOthers(room, publisher?.sessionId ?? null, {
        type: 'track-removed',
        roomId: room.roomId,
        trackId,
      }),
      ...this.#settle(room),
    );
    return effects;
  }

  /** New facts of a track, for those who join later. */
  updateTrack(trackId: string, change: Partial<Pick<TrackInfo, 'fmtp'>>): void {
    const room = this.#roomOfTrack.get(trackId);
    const track = room?.tracks.get(trackId);
    if (room !== undefined && track !== undefined) room.tracks.set(trackId, { ...track, ...change });
  }

  /** A publisher mutes or unmutes its own track. @throws AppError track_not_found or forbidden. */
  setMuted(sessionId: string, trackId: string, muted: boolean): RoomEffect[] {
    const room = this.#roomOfTrack.get(trackId);
    const track = room?.tracks.get(trackId);
    const member = room === undefined ? undefined : memberOfSession(room, sessionId);
    if (room === undefined || track === undefined || member === undefined) throw trackNotFound();
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

  // -- Subscriptions -----------------------------------------------------------------------------------

  /** Starts watching one track, or all of the room. @throws AppError not_joined, forbidden, track_not_found, track_limit. */
  subscribe(sessionId: string, roomId: string, trackId: string | undefined): RoomEffect[] {
    const { room, member } = this.#membership(sessionId, roomId);
    requireRight(member.rights, 'subscribe');
    if (trackId === undefined) {
      member.subscribe = 'auto';
      member.unwanted.clear();
      return this.#settle(room);
    }
    const track = room.tracks.get(trackId);
    if (track === undefined || track.participantId === member.participantId) throw trackNotFound();
    if (!member.watching.has(trackId) && this.#full(sessionId)) throw this.#tooMany();
    member.unwanted.delete(trackId);
    member.wanted.add(trackId);
    return this.#settle(room);
  }

  /** Stops watching one track, or all of the room. @throws AppError not_joined. */
  unsubscribe(sessionId: string, roomId: string, trackId: string | undefined): RoomEffect[] {
    const { room, member } = this.#membership(sessionId, roomId);
    if (trackId === undefined) {
      member.subscribe = 'none';
      member.wanted.clear();
      member.unwanted.clear();
    } else {
      member.wanted.delete(trackId);
      if (member.subscribe === 'auto' && room.tracks.has(trackId)) member.unwanted.add(trackId);
    }
    return this.#settle(room);
  }

  /** The viewer cannot take the track: nothing more is sent to it. */
  refuse(sessionId: string, trackId: string): RoomEffect[] {
    const room = this.#roomOfTrack.get(trackId);
    const member = room === undefined ? undefined : memberOfSession(room, sessionId);
    if (room === undefined || member === undefined) return [];
    member.wanted.delete(trackId);
    member.unwanted.add(trackId);
    return this.#settle(room);
  }

  // -- Moderation --------------------------------------------------------------------------------------

  /** That a session may moderate a room it is in. @throws AppError not_joined or forbidden. */
  requireModerator(sessionId: string, roomId: string): void {
    requireRight(this.#membership(sessionId, roomId).member.rights, 'admin');
  }

  /** Sends people away. @throws AppError room_not_found, participant_not_found, invalid_request for a camera. */
  kick(roomId: string, kick: Kick, nowMs: number): { ended: number; effects: RoomEffect[] } {
    const { room, member } = this.#participant(roomId, kick.participantId);
    if (member.sessionId === null) {
      throw new AppError('invalid_request', 'This is a camera: mute it, or remove it from the cameras.');
    }
    const { reason, forSeconds } = kick;
    const { identity } = member;
    if (forSeconds > 0) {
      this.#moderation.ban(roomId, identity, { untilMs: nowMs + forSeconds * 1000, reason }, nowMs);
    }
    const leaving = [...room.members.values()].filter(
      (one) => one === member || (forSeconds > 0 && one.identity === identity && one.sessionId !== null),
    );
    const effects = leaving.flatMap((one) => [
      ...toMember(one, { type: 'kicked', roomId, reason }),
      ...this.#removeMember(room, one, nowMs, reason),
    ]);
    return { ended: leaving.length, effects };
  }

  /** Mutes what somebody sends, now and later. @throws AppError room_not_found or participant_not_found. */
  mute(roomId: string, mute: Mute): { tracks: number; effects: RoomEffect[] } {
    const { room, member } = this.#participant(roomId, mute.participantId);
    const kinds = mute.kind === undefined ? (['audio', 'video'] as const) : [mute.kind];
    const { identity } = member;
    for (const kind of kinds) this.#moderation.setMuted(roomId, identity, kind, mute.muted);
    const people = new Set<string>();
    for (const one of room.members.values()) if (one.identity === identity) people.add(one.participantId);
    const tracks = [...room.tracks.values()].filter(
      (track) => people.has(track.participantId) && kinds.some((kind) => kind === track.kind),
    );
    return {
      tracks: tracks.length,
      effects: tracks.flatMap((track) => forceMuted(room, track, mute.muted)),
    };
  }

  #participant(roomId: string, participantId: string): { room: Room; member: Member } {
    const room = this.#rooms.get(roomId);
    if (room === undefined) throw new AppError('room_not_found', `There is no room "${roomId}".`);
    const member = room.members.get(participantId);
    if (member !== undefined) return { room, member };
    throw new AppError('participant_not_found', `Nobody in the room "${roomId}" has this id.`);
  }

  // -- Rooms -------------------------------------------------------------------------------------------

  /** Tells the room's viewers that its source is away, or back. Says nothing twice. */
  setSource(roomId: string, lost: string | null, nowMs: number): RoomEffect[] {
    const room = this.#rooms.get(roomId);
    return room === undefined ? [] : sourceChange(room, lost, nowMs);
  }

  /**
   * Tells everybody in a room who speaks now, when that changed.
   * @param loudnessOf of a track, 0 to 127; muted tracks are not asked for.
   */
  updateSpeakers(loudnessOf: (trackId: string) => number, nowMs: number): RoomEffect[] {
    const effects: RoomEffect[] = [];
    for (const room of this.#rooms.values()) {
      effects.push(...speakerChange(room, loudnessOf, nowMs));
    }
    return effects;
  }

  /** Makes a room that nobody is in yet. @throws AppError room_exists or room_limit. */
  create(roomId: string, settings: RoomSettings, nowMs: number): RoomEffect[] {
    if (this.#rooms.has(roomId)) {
      throw new AppError('room_exists', `There is a room "${roomId}" already.`);
    }
    const effects: RoomEffect[] = [];
    this.#add(roomId, settings, nowMs, effects);
    return effects;
  }

  /** Ends a room at once. @throws AppError room_not_found. */
  close(roomId: string, reason: string): RoomEffect[] {
    const room = this.#rooms.get(roomId);
    if (room === undefined) throw new AppError('room_not_found', `There is no room "${roomId}".`);
    const effects = toOthers(room, null, { type: 'kicked', roomId, reason });
    for (const member of room.members.values()) {
      for (const trackId of member.watching) effects.push(...this.#unwatch(room, member, trackId));
    }
    for (const trackId of room.tracks.keys()) {
      this.#roomOfTrack.delete(trackId);
      effects.push({ type: 'track-ended', trackId });
    }
    room.members.clear();
    room.tracks.clear();
    this.#rooms.delete(roomId);
    this.#moderation.forgetRoom(roomId);
    if (room.toldDemand > 0) effects.push({ type: 'demand', roomId, subscribers: 0 });
    effects.push({ type: 'room', roomId, state: 'closed' });
    return effects;
  }

  /** Removes rooms that have been empty for as long as they are kept. To be called now and then. */
  sweep(nowMs: number): RoomEffect[] {
    const effects: RoomEffect[] = [];
    this.#moderation.sweep(nowMs);
    for (const room of this.#rooms.values()) {
      if (!isOver(room, nowMs, this.#policy.emptyTimeoutSeconds * 1000)) continue;
      for (const trackId of room.tracks.keys()) this.#roomOfTrack.delete(trackId);
      this.#rooms.delete(room.roomId);
      this.#moderation.forgetRoom(room.roomId);
      effects.push({ type: 'room', roomId: room.roomId, state: 'closed' });
    }
    return effects;
  }

  // -- Inside ------------------------------------------------------------------------------------------

  #membership(sessionId: string, roomId: string): { room: Room; member: Member } {
    const room = this.#rooms.get(roomId);
    const member = room === undefined ? undefined : memberOfSession(room, sessionId);
    if (room === undefined || member === undefined) {
      throw new AppError('not_joined', `This session is not in the room "${roomId}".`);
    }
    return { room, member };
  }

  /** The room, made when it is not there and `who` (null: a camera's ingest) may make it. */
  #open(roomId: string, nowMs: number, effects: RoomEffect[], who: Who | null): Room {
    const known = this.#rooms.get(roomId);
    if (known === undefined) {
      if (who !== null) requireMaking(who, roomId, this.#policy.creation);
      return this.#add(roomId, null, nowMs, effects);
    }
    const most = Math.min(
      this.#limits.participantsPerRoom,
      known.settings?.maxParticipants ?? this.#limits.participantsPerRoom,
    );
    if (known.members.size >= most) throw new AppError('room_full', `The room "${roomId}" is full.`);
    return known;
  }

  #add(roomId: string, settings: RoomSettings | null, nowMs: number, effects: RoomEffect[]): Room {
    if (this.#rooms.size >= this.#limits.rooms) effects.push(...this.sweep(nowMs));
    if (this.#rooms.size >= this.#limits.rooms) {
      throw new AppError('room_limit', 'This namespace has as many rooms as it may.');
    }
    const room = newRoom(roomId, nowMs, settings);
    this.#rooms.set(roomId, room);
    effects.push({ type: 'room', roomId, state: 'opened' });
    return room;
  }

  #addMember(
    room: Room,
    who: Pick<Member, 'sessionId' | 'identity' | 'name' | 'rights' | 'subscribe'>,
    nowMs: number,
  ): Member {
    const member: Member = {
      ...who,
      participantId: this.#newId('participant'),
      joinedAtMs: nowMs,
      connected: true,
      wanted: new Set(),
      unwanted: new Set(),
      watching: new Set(),
    };
    room.members.set(member.participantId, member);
    room.emptySinceMs = null;
    return member;
  }

  /** @param kicked why a moderator sent it away. */
  #removeMember(room: Room, member: Member, nowMs: number, kicked?: string): RoomEffect[] {
    const effects: RoomEffect[] = [];
    for (const trackId of [...member.watching]) effects.push(...this.#unwatch(room, member, trackId));
    effects.push(...this.#endTracks(room, member));
    room.members.delete(member.participantId);
    if (room.members.size === 0) room.emptySinceMs = nowMs;
    effects.push(
      ...toOthers(room, null, {
        type: 'peer-left',
        ...{ roomId: room.roomId, participantId: member.participantId },
        ...(kicked !== undefined && { kicked }),
      }),
      ...this.#settle(room),
    );
    return effects;
  }

  /** All that a member publishes ends. */
  #endTracks(room: Room, member: Member): RoomEffect[] {
    return [...room.tracks.values()]
      .filter((track) => track.participantId === member.participantId)
      .flatMap(({ trackId }) => [...this.unpublish(trackId), { type: 'track-ended', trackId }]);
  }

  /** Brings what members are given in line with what they want, then tells a changed demand. */
  #settle(room: Room): RoomEffect[] {
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
    return (this.#watchedBySession.get(sessionId) ?? 0) >= this.#limits.subscriptionsPerSession;
  }

  #tooMany(): AppError {
    const limit = String(this.#limits.subscriptionsPerSession);
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
