/** What a console is shown of a running service every two seconds. Never rejects: `sentence` says what is the matter. */
import type { RoomsLive } from '../contract/rooms.ts';
import { NO_TURN_STATUS, type TurnLive } from '../contract/turn-operations.ts';
import { AppError } from '../contract/errors.ts';
import { messageOf } from '../kit/errors.ts';
import type { RoomControl, TurnService } from './services.ts';

const MAX_SESSIONS = 100;
const MAX_ROOMS = 100;
const NO_SESSIONS: TurnLive['sessions'] = { items: [], total: 0 };

export async function turnPicture(service: TurnService, namespace: string): Promise<TurnLive> {
  try {
    const status = await service.status(namespace);
    // A drained service is not ready, and its last sessions are what everybody waits for.
    if (!status.ready && !status.draining)
      return { namespace, status, sessions: NO_SESSIONS, refusals: { items: [] } };
    const [sessions, refusals] = await Promise.all([
      service.sessions(namespace, { limit: MAX_SESSIONS }),
      service.refusals(namespace),
    ]);
    return { namespace, status, sessions, refusals };
  } catch (error) {
    return {
      namespace,
      status: { ...NO_TURN_STATUS, sentence: sentenceOf(error) },
      sessions: NO_SESSIONS,
      refusals: { items: [] },
    };
  }
}

export async function roomsPicture(service: RoomControl, namespace: string): Promise<RoomsLive> {
  try {
    const { rooms, total } = await service.list(namespace, { limit: MAX_ROOMS });
    return { namespace, rooms, total, sentence: null };
  } catch (error) {
    return { namespace, rooms: [], total: 0, sentence: sentenceOf(error) };
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof AppError ? error.message : `It cannot be asked: ${messageOf(error)}`;
}
