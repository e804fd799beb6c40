/** What moderators do in a room: send people away, and mute what they send. What holds of whom is in moderation.ts. */
import { AppError } from '../../contract/errors.ts';
import type { Kick, Mute } from '../../contract/signaling.ts';
import type { Moderation } from './moderation.ts';
import type { Participants } from './participants.ts';
import { requireRight } from './rights.ts';
import { forceMuted, toMember, type RoomEffect } from './room-effects.ts';
import type { RoomTable } from './room-table.ts';

export class Moderators {
  readonly #table: RoomTable;
  readonly #participants: Participants;
  readonly #moderation: Moderation;

  constructor(options: { table: RoomTable; participants: Participants; moderation: Moderation }) {
    this.#table = options.table;
    this.#participants = options.participants;
    this.#moderation = options.moderation;
  }

  /** That a session may moderate a room it is in. @throws AppError not_joined or forbidden. */
  require(sessionId: string, roomId: string): void {
    requireRight(this.#table.membership(sessionId, roomId).member.rights, 'admin');
  }

  /** Sends people away. @throws AppError room_not_found, participant_not_found, invalid_request for a camera. */
  kick(roomId: string, kick: Kick, nowMs: number): { ended: number; effects: RoomEffect[] } {
    const { room, member } = this.#table.participant(roomId, kick.participantId);
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
      ...this.#participants.remove(room, one, nowMs, reason),
    ]);
    return { ended: leaving.length, effects };
  }

  /** Mutes what somebody sends, now and later. @throws AppError room_not_found or participant_not_found. */
  mute(roomId: string, mute: Mute): { tracks: number; effects: RoomEffect[] } {
    const { room, member } = this.#table.participant(roomId, mute.participantId);
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
}
