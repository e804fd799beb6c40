/**
 * Something of a namespace as consoles see it while somebody looks: each watched namespace is asked every 2 s, once
 * for all its readers, and no longer than it has one.
 */
import { AppError } from '../contract/errors.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import type { Unsubscribe } from './services.ts';

/** From one answer to the next question: a service that answers slowly is asked less often. */
const POLL_MS = 2000;
/** Each is a few control calls per poll; more namespaces than this are not looked at at once. */
const MAX_WATCHED = 64;

type Watched<Picture> = {
  listeners: Set<(picture: Picture) => void>;
  last: Picture | undefined;
  cancel: Cancel;
};

export class LiveWatch<Picture> {
  /** Never rejects: what cannot be asked is told as such. */
  readonly #ask: (namespace: string) => Promise<Picture>;
  readonly #clock: Clock;
  readonly #watched = new Map<string, Watched<Picture>>();

  constructor(options: { ask: (namespace: string) => Promise<Picture>; clock: Clock }) {
    this.#ask = options.ask;
    this.#clock = options.clock;
  }

  /** How many namespaces are asked. */
  get size(): number {
    return this.#watched.size;
  }

  /** Throws rate_limited when one more namespace would be too many. */
  requireRoom(namespace: string): void {
    if (this.#watched.has(namespace) || this.#watched.size < MAX_WATCHED) return;
    throw new AppError('rate_limited', 'Too many namespaces are watched. Close one and try again.', {
      retryAfterSeconds: 30,
    });
  }

  /** Tells the listener what is known at once, then every answer. It must not throw. */
  add(namespace: string, listener: (picture: Picture) => void): Unsubscribe {
    let watched = this.#watched.get(namespace);
    if (watched === undefined) {
      watched = { listeners: new Set(), last: undefined, cancel: () => undefined };
      this.#watched.set(namespace, watched);
      void this.#poll(namespace, watched);
    }
    const { listeners, last } = watched;
    listeners.add(listener);
    if (last !== undefined) listener(last);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#end(namespace, watched);
    };
  }

  close(): void {
    for (const [namespace, watched] of this.#watched) this.#end(namespace, watched);
  }

  #end(namespace: string, watched: Watched<Picture>): void {
    watched.cancel();
    watched.listeners.clear();
    if (this.#watched.get(namespace) === watched) this.#watched.delete(namespace);
  }

  async #poll(namespace: string, watched: Watched<Picture>): Promise<void> {
    const picture = await this.#ask(namespace);
    // Nobody looks any more, or somebody else has begun anew.
    if (this.#watched.get(namespace) !== watched) return;
    watched.last = picture;
    watched.cancel = this.#clock.after(POLL_MS, () => void this.#poll(namespace, watched));
    for (const listener of [...watched.listeners]) listener(picture);
  }
}
