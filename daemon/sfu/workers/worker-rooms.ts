/**
 * What lives in one worker, by what it has told: rooms, their demand, ingests and watches. When the worker dies this
 * is what has to be told to have ended.
 */
import type { Watch } from '../../contract/control.ts';
import type { ModerationEntry } from '../../contract/rooms.ts';
import type { SfuEvent } from './system.ts';

export class WorkerRooms {
  readonly rooms = new Set<string>();
  readonly #demand = new Map<string, number>();
  /** ingestId -> roomId. */
  readonly #ingests = new Map<string, string>();
  readonly #watches = new Map<string, Watch>();
  /** By room, then by identity: as many as a worker remembers. */
  readonly #mutes = new Map<string, Map<string, ModerationEntry>>();

  get subscriptions(): number {
    let sum = 0;
    for (const subscribers of this.#demand.values()) sum += subscribers;
    return sum;
  }

  hasIngest(ingestId: string): boolean {
    return this.#ingests.has(ingestId);
  }

  take(event: SfuEvent): void {
    switch (event.name) {
      case 'room':
        if (event.data.state === 'opened') this.rooms.add(event.data.roomId);
        else {
          this.rooms.delete(event.data.roomId);
          this.#mutes.delete(event.data.roomId);
        }
        return;
      case 'demand':
        if (event.data.subscribers > 0) this.#demand.set(event.data.roomId, event.data.subscribers);
        else this.#demand.delete(event.data.roomId);
        return;
      case 'ingest':
        if (event.data.state === 'closed') this.#ingests.delete(event.data.ingestId);
        else this.#ingests.set(event.data.ingestId, event.data.roomId);
        return;
      case 'watch':
        if (event.data.untilMs === null) this.#watches.set(event.data.watchId, event.data);
        else this.#watches.delete(event.data.watchId);
        return;
      case 'moderation':
        this.#noteMutes(event.data);
        return;
      case 'moderated':
      // It is over when it is told.
    }
  }

  /** Who is muted in which room. The worker's end does not end that; bans the daemon remembers. */
  get mutes(): { roomId: string; entries: ModerationEntry[] }[] {
    return [...this.#mutes].map(([roomId, people]) => ({ roomId, entries: [...people.values()] }));
  }

  #noteMutes(entry: ModerationEntry): void {
    const people = this.#mutes.get(entry.roomId) ?? new Map<string, ModerationEntry>();
    people.delete(entry.identity);
    if (entry.muted.length > 0) people.set(entry.identity, { ...entry, ban: null });
    if (people.size > 0) this.#mutes.set(entry.roomId, people);
    else this.#mutes.delete(entry.roomId);
  }

  /** The worker has died. @returns what has ended with it, in the order it would have told. */
  end(nowMs: number): SfuEvent[] {
    const events: SfuEvent[] = [];
    for (const watch of this.#watches.values()) {
      events.push({ name: 'watch', data: { ...watch, untilMs: nowMs } });
    }
    for (const [ingestId, roomId] of this.#ingests) {
      const reason = 'The SFU worker of this room has ended.';
      events.push({ name: 'ingest', data: { ingestId, roomId, state: 'closed', reason } });
    }
    for (const roomId of this.#demand.keys())
      events.push({ name: 'demand', data: { roomId, subscribers: 0 } });
    for (const roomId of this.rooms) events.push({ name: 'room', data: { roomId, state: 'closed' } });
    this.#watches.clear();
    this.#ingests.clear();
    this.#demand.clear();
    this.rooms.clear();
    this.#mutes.clear();
    return events;
  }
}
