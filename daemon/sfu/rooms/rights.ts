/** What a ticket may do in the rooms it opens. Pure. */
import { AppError } from '../../contract/errors.ts';
import { deviceIdOfRoom } from '../../contract/names.ts';
import type { RoomCreation } from '../../contract/rooms.ts';
import type { RoomRight, RoomTicket } from '../../contract/signaling.ts';

/** The claims of a ticket that rooms decide by. */
export type Who = Pick<RoomTicket, 'identity' | 'name' | 'role' | 'rooms' | 'may'>;

const OF_ROLE: Record<RoomTicket['role'], readonly RoomRight[]> = {
  viewer: ['subscribe'],
  publisher: ['subscribe', 'publish', 'data'],
};

const REFUSALS: Record<RoomRight, string> = {
  publish: 'This credential may watch, but not publish.',
  subscribe: 'This credential may publish, but not watch.',
  data: 'This credential may not send data messages.',
  admin: 'This credential may not send people away or mute them.',
};

/** `may` says it one by one; without it the role does. */
export function rightsOf(who: Pick<RoomTicket, 'role' | 'may'>): ReadonlySet<RoomRight> {
  return new Set(who.may ?? OF_ROLE[who.role]);
}

/** @throws AppError forbidden. */
export function requireRight(rights: ReadonlySet<RoomRight>, right: RoomRight): void {
  if (!rights.has(right)) throw new AppError('forbidden', REFUSALS[right]);
}

/** That a ticket opens a room. @throws AppError forbidden. */
export function requireEntry(who: Pick<RoomTicket, 'rooms'>, roomId: string): void {
  if (who.rooms !== null && !who.rooms.includes(roomId)) {
    throw new AppError('forbidden', `This credential does not open the room "${roomId}".`);
  }
}

/** That somebody may bring a room into being by going there. @throws AppError room_not_found. */
export function requireMaking(
  who: Pick<RoomTicket, 'role' | 'may'>,
  roomId: string,
  creation: RoomCreation,
): void {
  if (creation === 'join' || deviceIdOfRoom(roomId) !== undefined) return;
  if (creation === 'publish' && rightsOf(who).has('publish')) return;
  const remedy =
    creation === 'publish'
      ? 'Who may publish opens it by joining.'
      : 'It is made with POST /v1/webrtc/rooms first.';
  throw new AppError('room_not_found', `There is no room "${roomId}". ${remedy}`);
}
