/**
 * What moderators have said of people, by room and identity: who stays out until when, and who is muted. It
 * outlives the people's sessions, so that leaving and coming back undoes nothing. Pure and bounded.
 */
import { AppError } from '../../contract/errors.ts';
import type { ModerationEntry } from '../../contract/rooms.ts';

const MAX_ENTRIES = 10_000;

type Kind = 'audio' | 'video';
type Ban = { untilMs: number; reason: string };

export class Moderation {
  readonly #told: (entry: ModerationEntry) => void;
  /** By room, then by identity: an identity may have any characters. */
  readonly #bans = new Map<string, Map<string, Ban>>();
  readonly #mutes = new Map<string, Map<string, Set<Kind>>>();
  #entries = 0;

  /** @param told what holds of somebody, whenever a moderator changes that. */
  constructor(told: (entry: ModerationEntry) => void = () => undefined) {
    this.#told = told;
  }

  /** Keeps an identity out of a room. @throws AppError rate_limited when too many are remembered. */
  ban(roomId: string, identity: string, ban: Ban, nowMs: number): void {
    if (this.#entries >= MAX_ENTRIES) this.sweep(nowMs);
    const known = of(this.#bans, roomId);
    if (!known.has(identity)) this.#count();
    known.set(identity, ban);
    this.#tell(roomId, identity);
  }

  /** @throws AppError kicked. */
  refuseBanned(roomId: string, identity: string, nowMs: number): void {
    const ban = this.#bans.get(roomId)?.get(identity);
    if (ban === undefined || ban.untilMs <= nowMs) return;
    const seconds = Math.ceil((ban.untilMs - nowMs) / 1000);
    throw new AppError(
      'kicked',
      `You were sent away from the room "${roomId}" (${ban.reason}); come back in ${String(seconds)} s.`,
      { retryAfterSeconds: seconds },
    );
  }

  /** @throws AppError rate_limited when too many are remembered. */
  setMuted(roomId: string, identity: string, kind: Kind, muted: boolean): void {
    const people = of(this.#mutes, roomId);
    const kinds = people.get(identity) ?? new Set<Kind>();
    if (muted) {
      if (kinds.size === 0) this.#count();
      people.set(identity, kinds.add(kind));
      this.#tell(roomId, identity);
      return;
    }
    if (!kinds.delete(kind)) return;
    if (kinds.size === 0) {
      people.delete(identity);
      this.#entries -= 1;
    }
    this.#tell(roomId, identity);
  }

  isMuted(roomId: string, identity: string, kind: Kind): boolean {
    return this.#mutes.get(roomId)?.get(identity)?.has(kind) === true;
  }

  /** A room is gone: its mutes go with it. Who is kept out stays out until the time is over. */
  forgetRoom(roomId: string): void {
    this.#entries -= this.#mutes.get(roomId)?.size ?? 0;
    this.#mutes.delete(roomId);
  }

  /** Drops what is over. */
  sweep(nowMs: number): void {
    for (const [roomId, people] of this.#bans) {
      for (const [identity, { untilMs }] of people) {
        if (untilMs > nowMs) continue;
        people.delete(identity);
        this.#entries -= 1;
      }
      if (people.size === 0) this.#bans.delete(roomId);
    }
  }

  /** What holds, oldest first. */
  list(): ModerationEntry[] {
    const all = new Map<string, [roomId: string, identity: string]>();
    for (const people of [this.#bans, this.#mutes]) {
      for (const [roomId, known] of people) {
        for (const identity of known.keys()) all.set(JSON.stringify([roomId, identity]), [roomId, identity]);
      }
    }
    return [...all.values()].map(([roomId, identity]) => this.#entry(roomId, identity));
  }

  #entry(roomId: string, identity: string): ModerationEntry {
    const ban = this.#bans.get(roomId)?.get(identity) ?? null;
    return { roomId, identity, ban, muted: [...(this.#mutes.get(roomId)?.get(identity) ?? [])] };
  }

  #tell(roomId: string, identity: string): void {
    this.#told(this.#entry(roomId, identity));
  }

  #count(): void {
    if (this.#entries >= MAX_ENTRIES) {
      throw new AppError('rate_limited', 'As many people are kept out or muted as can be remembered.');
    }
    this.#entries += 1;
  }
}

function of<Value>(all: Map<string, Map<string, Value>>, roomId: string): Map<string, Value> {
  const known = all.get(roomId) ?? new Map<string, Value>();
  all.set(roomId, known);
  return known;
}
