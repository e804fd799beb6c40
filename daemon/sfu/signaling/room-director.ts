/**
 * Carries out what the rooms decide: frames to sessions, tracks to viewers' connections, demand to the
 * daemon. It owns the media tracks of the namespace.
 */
import type { Moderated } from '../../contract/control.ts';
import type { ModerationEntry, RoomPolicy } from '../../contract/rooms.ts';
import type { RoomTicket, ServerFrame, TrackInfo } from '../../contract/signaling.ts';
import { randomToken } from '../../kit/secret.ts';
import { announcedProfileLevelId, h264Fmtp, mimeTypeOf, type TrackCodec } from '../media/codecs.ts';
import type { MediaSource } from '../media/core/types.ts';
import { MediaTrack } from '../media/media-track.ts';
import { Moderation } from '../rooms/moderation.ts';
import type { RoomLimits } from '../rooms/room.ts';
import type { Who } from '../rooms/rights.ts';
import type { RoomEffect, WatchEffect } from '../rooms/room-effects.ts';
import { Rooms } from '../rooms/rooms.ts';

/** What the director needs of a session. Must not throw. */
export interface Audience {
  send(frame: ServerFrame): void;
  watch(track: MediaTrack): void;
  unwatch(trackId: string): void;
}

/** Whoever feeds a track: told when its room ends it. */
export type TrackOwner = { trackEnded(trackId: string): void };

export type NewTrack = {
  roomId: string;
  participantId: string;
  identity: string;
  source: TrackInfo['source'];
  codec: TrackCodec;
  owner: TrackOwner;
};

export class RoomDirector {
  readonly rooms: Rooms;
  readonly moderation: Moderation;
  readonly #audiences = new Map<string, Audience>();
  readonly #tracks = new Map<string, { track: MediaTrack; owner: TrackOwner }>();
  readonly #onWatch: ((effect: WatchEffect) => void) | undefined;
  readonly #onDemand: (roomId: string, subscribers: number) => void;
  readonly #onModerated: (moderated: Moderated) => void;
  readonly #onRoom: (roomId: string, state: 'opened' | 'closed') => void;

  constructor(options: {
    limits: RoomLimits;
    policy?: RoomPolicy;
    onDemand: (roomId: string, subscribers: number) => void;
    onWatch?: (effect: WatchEffect) => void;
    onRoom?: (roomId: string, state: 'opened' | 'closed') => void;
    onModeration?: (entry: ModerationEntry) => void;
    onModerated?: (moderated: Moderated) => void;
  }) {
    const { limits, policy } = options;
    this.moderation = new Moderation(options.onModeration);
    this.rooms = new Rooms({
      limits,
      ...(policy && { policy }),
      moderation: this.moderation,
      newId: () => `p_${randomToken(9)}`,
    });
    this.#onDemand = options.onDemand;
    this.#onWatch = options.onWatch;
    this.#onModerated = options.onModerated ?? (() => undefined);
    this.#onRoom = options.onRoom ?? (() => undefined);
  }

  get trackCount(): number {
    return this.#tracks.size;
  }

  /** The media of a published track. */
  track(trackId: string): MediaTrack | undefined {
    return this.#tracks.get(trackId)?.track;
  }

  addAudience(sessionId: string, audience: Audience): void {
    this.#audiences.set(sessionId, audience);
  }

  /** Ends a session everywhere. */
  removeAudience(sessionId: string, nowMs: number): void {
    const effects = this.rooms.participants.endSession(sessionId, nowMs);
    this.#audiences.delete(sessionId);
    this.apply(effects);
  }

  apply(effects: readonly RoomEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'frame':
          this.#audiences.get(effect.sessionId)?.send(effect.frame);
          break;
        case 'watch': {
          this.#onWatch?.(effect);
          const known = this.#tracks.get(effect.trackId);
          if (known !== undefined) this.#audiences.get(effect.sessionId)?.watch(known.track);
          break;
        }
        case 'unwatch':
          this.#onWatch?.(effect);
          this.#audiences.get(effect.sessionId)?.unwatch(effect.trackId);
          break;
        case 'demand':
          this.#onDemand(effect.roomId, effect.subscribers);
          break;
        case 'room':
          this.#onRoom(effect.roomId, effect.state);
          break;
        case 'silence':
          this.#tracks.get(effect.trackId)?.track.setSilent(effect.silent);
          break;
        case 'track-ended': {
          const known = this.#tracks.get(effect.trackId);
          this.#tracks.delete(effect.trackId);
          known?.owner.trackEnded(effect.trackId);
          break;
        }
      }
    }
  }

  /** Publishes a track. @throws AppError of the rooms; nothing is left then. */
  addTrack(options: NewTrack): MediaTrack {
    const trackId = `t_${randomToken(9)}`;
    const track = new MediaTrack({ trackId, streamId: options.participantId, codec: options.codec });
    this.#tracks.set(trackId, { track, owner: options.owner });
    try {
      this.apply(
        this.rooms.tracks.publish({
          trackId,
          roomId: options.roomId,
          participantId: options.participantId,
          identity: options.identity,
          kind: options.codec.kind,
          source: options.source,
          mimeType: mimeTypeOf(options.codec),
          fmtp: options.codec.fmtp,
          muted: false,
        }),
      );
    } catch (error) {
      this.#tracks.delete(trackId);
      throw error;
    }
    return track;
  }

  /** A session has moderated a room. */
  noteModerated(moderated: Moderated): void {
    this.#onModerated(moderated);
  }

  /** Who speaks, by what is heard now. */
  updateSpeakers(nowMs: number): void {
    const loudnessOf = (trackId: string): number =>
      this.#tracks.get(trackId)?.track.source?.loudness(nowMs) ?? 0;
    this.apply(this.rooms.updateSpeakers(loudnessOf, nowMs));
  }

  /** Ends a track for everybody. Unknown ids are ignored. */
  removeTrack(trackId: string): void {
    this.apply(this.rooms.tracks.unpublish(trackId));
    this.#tracks.delete(trackId);
  }

  /** The SPS tells what the stream really is: who joins later is offered that (RFC 6184 section 8.1). */
  noteParameters(track: MediaTrack, source: MediaSource, nowMs: number): void {
    const { profileLevelId } = source.stats(nowMs);
    if (track.codec.name !== 'H264' || profileLevelId === null || !/^[0-9a-f]{6}$/i.test(profileLevelId)) {
      return;
    }
    const fmtp = h264Fmtp(announcedProfileLevelId(profileLevelId));
    track.setFmtp(fmtp);
    this.rooms.tracks.update(track.trackId, { fmtp });
  }
}

/** The claims the rooms decide by. */
export function whoOf({ identity, name, role, rooms, may }: RoomTicket): Who {
  return { identity, name, role, rooms, may };
}
