/** What the console asks of rooms. Answers are checked, as in api.ts. */
import { isObject, unreadable, type Call } from './http.ts';

export type RoomRef = { namespace: string; roomId: string };

export class RoomApi {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  async create({ namespace, roomId }: RoomRef, settings: { maxParticipants: number | null }): Promise<void> {
    await this.#call('POST', '/v1/webrtc/rooms', { namespace, roomId, ...settings });
  }

  /** Ends it for everybody in it. */
  async close(room: RoomRef): Promise<void> {
    await this.#call('DELETE', path(room));
  }

  /** @param forSeconds how long all of the same identity stay out. @returns how many participants that ended. */
  async kick(room: RoomRef, participantId: string, forSeconds: number): Promise<number> {
    const answer = await this.#call('POST', path(room, '/kick'), { participantId, forSeconds });
    if (isObject(answer) && typeof answer['ended'] === 'number') return answer['ended'];
    throw unreadable();
  }

  /** Sound and picture, those of later too. */
  async mute(room: RoomRef, participantId: string, muted: boolean): Promise<void> {
    await this.#call('POST', path(room, '/mute'), { participantId, muted });
  }
}

function path({ namespace, roomId }: RoomRef, what = ''): string {
  const query = new URLSearchParams({ namespace }).toString();
  return `/v1/webrtc/rooms/${encodeURIComponent(roomId)}${what}?${query}`;
}
