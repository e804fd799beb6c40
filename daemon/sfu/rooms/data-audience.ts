/** Who gets a data message: the others in the room that it names. Pure. */
import { AppError } from '../../contract/errors.ts';
import { requireRight } from './rights.ts';
import { memberOfSession } from './room.ts';
import type { Rooms } from './rooms.ts';

/** Where a message goes, and as whose. */
export type DataAudience = { roomId: string; participantId: string; sessionIds: string[] };

/**
 * Without a room id, the only room that the session is in.
 * @throws AppError not_joined, invalid_request or forbidden.
 */
export function dataAudience(rooms: Rooms, sessionId: string, roomId: string): DataAudience {
  const room = roomId === '' ? onlyRoomOf(rooms, sessionId) : rooms.get(roomId);
  const member = room === undefined ? undefined : memberOfSession(room, sessionId);
  if (room === undefined || member === undefined) {
    const which = roomId === '' ? 'any room' : `the room "${roomId}"`;
    throw new AppError('not_joined', `This session is not in ${which}.`);
  }
  requireRight(member.rights, 'data');
  const sessionIds: string[] = [];
  for (const other of room.members.values()) {
    if (other === member || other.sessionId === null) continue;
    if (other.rights.has('subscribe') || other.rights.has('data')) sessionIds.push(other.sessionId);
  }
  return { roomId: room.roomId, participantId: member.participantId, sessionIds };
}

function onlyRoomOf(rooms: Rooms, sessionId: string): ReturnType<Rooms['get']> {
  const [room, another] = rooms.ofSession(sessionId);
  if (another === undefined) return room;
  throw new AppError('invalid_request', 'This session is in several rooms: name the one that is meant.');
}
