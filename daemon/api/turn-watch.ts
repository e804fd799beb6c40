/**
 * TURN services as consoles see them while somebody looks: each watched service is asked every 2 s, once for
 * all its readers, and no longer than it has one. A service that does not answer is told as such.
 */
import type { TurnLive } from '../contract/turn-operations.ts';
import { NO_TURN_STATUS } from '../contract/turn-operations.ts';
import { AppError } from '../contract/errors.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { TurnService, Unsubscribe } from './services.ts';

/** From one answer to the next question: a service that answers slowly is asked less often. */
const POLL_MS = 2000;
/** Each is three control calls per poll; more namespaces than this are not looked at at once. */
const MAX_WATCHED = 64;
const MAX_SESSIONS = 100;

type Listener = (turn: TurnLive) => void;
type Watched = { listeners: Set<Listener>; last: TurnLive | undefined; cancel: Cancel };

export class TurnWatch {
  readonly #turn: TurnService;
  readonly #clock: Clock;
  readonly #watched = new Map<string, Watched>();

  constructor(options: { turn: TurnService; clock: Clock }) {
    this.#turn = options.turn;
    this.#clock = options.clock;
  }

  /** How many services are asked. */
  get size(): number {
    return this.#watched.size;
  }

  /** Throws rate_limited when one more service would be too many. */
  requireRoom(namespace: string): void {
    if (this.#watched.has(namespace) || this.#watched.size < MAX_WATCHED) return;
    throw new AppError('rate_limited', 'Too many namespaces are watched. Close one and try again.', {
      retryAfterSeconds: 30,
    });
  }

  /** Tells the listener what is known at once, then every answer. It must not throw. */
  add(namespace: string, listener: Listener): Unsubscribe {
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

  #end(namespace: string, watched: Watched): void {
    watched.cancel();
    watched.listeners.clear();
    if (this.#watched.get(namespace) === watched) this.#watched.delete(namespace);
  }

  async #poll(namespace: string, watched: Watched): Promise<void> {
    const turn = await this.#ask(namespace);
    // Nobody looks any more, or somebody else has begun anew.
    if (this.#watched.get(namespace) !== watched) return;
    watched.last = turn;
    watched.cancel = this.#clock.after(POLL_MS, () => void this.#poll(namespace, watched));
    for (const listener of [...watched.listeners]) listener(turn);
  }

  /** Never rejects: what cannot be asked has no numbers, and `sentence` says why. */
  async #ask(namespace: string): Promise<TurnLive> {
    try {
      const status = await this.#turn.status(namespace);
      // A drained service is not ready, and its last sessions are what everybody waits for.
      if (!status.ready && !status.draining)
        return { namespace, status, sessions: NO_SESSIONS, refusals: { items: [] } };
      const [sessions, refusals] = await Promise.all([
        this.#turn.sessions(namespace, { limit: MAX_SESSIONS }),
        this.#turn.refusals(namespace),
      ]);
      return { namespace, status, sessions, refusals };
    } catch (error) {
      const sentence = error instanceof AppError ? error.message : `It cannot be asked: ${messageOf(error)}`;
      return {
        namespace,
        status: { ...NO_TURN_STATUS, sentence },
        sessions: NO_SESSIONS,
        refusals: { items: [] },
      };
    }
  }
}

const NO_SESSIONS: TurnLive['sessions'] = { items: [], total: 0 };
