/**
 * What moderators have said of people, by namespace, room and identity, as SFU processes told it: so that the next
 * process knows it too. In memory: it ends with the daemon, unless the SFU goes on meanwhile. Pure and bounded.
 */
import type { ModerationEntry } from '../contract/rooms.ts';

const MAX_ENTRIES = 10_000;

export class ModerationMemory {
  /** By namespace, then by room and identity; oldest first. */
  readonly #entries = new Map<string, Map<string, ModerationEntry>>();

  /** The newest word about somebody in a room; one that says nothing any more is forgotten. */
  take(namespace: string, entry: ModerationEntry): void {
    const known = this.#of(namespace);
    const key = keyOf(entry);
    known.delete(key);
    if (entry.ban === null && entry.muted.length === 0) return;
    known.set(key, entry);
    const oldest = known.keys().next().value;
    if (known.size > MAX_ENTRIES && oldest !== undefined) known.delete(oldest);
  }

  /** The process that is there says all it knows. */
  replace(namespace: string, entries: readonly ModerationEntry[]): void {
    this.#entries.delete(namespace);
    for (const entry of entries) this.take(namespace, entry);
  }

  /** Mutes end with their room; who is kept out stays out until the time is over. */
  roomClosed(namespace: string, roomId: string): void {
    for (const entry of [...this.#of(namespace).values()]) {
      if (entry.roomId === roomId) this.take(namespace, { ...entry, muted: [] });
    }
  }

  /** What still holds of a room. */
  ofRoom(namespace: string, roomId: string, nowMs: number): ModerationEntry[] {
    return [...this.#of(namespace).values()].flatMap((entry) => {
      if (entry.roomId !== roomId) return [];
      const ban = entry.ban !== null && entry.ban.untilMs > nowMs ? entry.ban : null;
      return ban === null && entry.muted.length === 0 ? [] : [{ ...entry, ban }];
    });
  }

  #of(namespace: string): Map<string, ModerationEntry> {
    const known = this.#entries.get(namespace) ?? new Map<string, ModerationEntry>();
    this.#entries.set(namespace, known);
    return known;
  }
}

function keyOf({ roomId, identity }: ModerationEntry): string {
  return JSON.stringify([roomId, identity]);
}
