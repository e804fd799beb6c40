/** Takes what moderators had said of a room in an SFU process of before. Pure. */
import type { ModerationEntry } from '../../contract/rooms.ts';
import type { Moderation } from './moderation.ts';
import type { RoomEffect } from './room-effects.ts';
import type { Rooms } from './rooms.ts';

/**
 * Remembers bans and mutes, and carries them out: people come back faster than the daemon does.
 * @throws AppError rate_limited when too many are remembered.
 */
export function restoreModeration(
  options: { rooms: Rooms; moderation: Moderation; nowMs: number },
  roomId: string,
  entries: readonly Omit<ModerationEntry, 'roomId'>[],
): RoomEffect[] {
  const { rooms, moderation, nowMs } = options;
  const memberOf = (identity: string): string | undefined =>
    [...(rooms.get(roomId)?.members.values() ?? [])].find(
      (member) => member.identity === identity && member.sessionId !== null,
    )?.participantId;
  const effects: RoomEffect[] = [];
  for (const { identity, ban, muted } of entries) {
    for (const kind of muted) moderation.setMuted(roomId, identity, kind, true);
    const present = memberOf(identity);
    for (const kind of muted) {
      if (present === undefined) break;
      effects.push(...rooms.moderators.mute(roomId, { participantId: present, kind, muted: true }).effects);
    }
    if (ban === null || ban.untilMs <= nowMs) continue;
    moderation.ban(roomId, identity, ban, nowMs);
    if (present === undefined) continue;
    const forSeconds = Math.ceil((ban.untilMs - nowMs) / 1000);
    effects.push(
      ...rooms.moderators.kick(roomId, { participantId: present, reason: ban.reason, forSeconds }, nowMs)
        .effects,
    );
  }
  return effects;
}
