/**
 * Rooms, sessions and ingests of one namespace, wired together: what the process serves once its port and
 * its engine are there.
 */
import type { sfuControlEvents } from '../../contract/control.ts';
import type { SfuServiceConfig } from '../../contract/sfu-config.ts';
import type { Logger } from '../../kit/logger.ts';
import type { MediaEngine } from '../media/media-engine.ts';
import type { z } from 'zod';
import { DataRelay } from './data-relay.ts';
import { Ingests } from './ingests.ts';
import { RoomDirector } from './room-director.ts';
import { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { WatchJournal } from './watch-journal.ts';

type Emit = <Name extends keyof typeof sfuControlEvents>(
  event: Name,
  data: z.input<(typeof sfuControlEvents)[Name]>,
) => void;

/** How long a client that is sent away waits before it comes back. */
const RETRY_AFTER_MS = 1000;

export class NamespaceSfu {
  readonly director: RoomDirector;
  readonly ingests: Ingests;
  readonly sessions: Sessions;
  readonly watches: WatchJournal;
  readonly data: DataRelay;
  readonly #engine: MediaEngine;
  #config: SfuServiceConfig;
  #drainUntilMs: number | undefined;

  /** `emit` tells the daemon. */
  constructor(options: { config: SfuServiceConfig; engine: MediaEngine; log: Logger; emit: Emit }) {
    const { engine, log, emit } = options;
    this.#config = options.config;
    this.#engine = engine;
    this.watches = new WatchJournal({
      nowMs: () => engine.clock.nowMs(),
      tell: (watch) => {
        emit('watch', watch);
      },
    });
    this.director = new RoomDirector({
      limits: options.config.limits,
      policy: options.config.rooms,
      onRoom: (roomId, state) => {
        emit('room', { roomId, state });
      },
      onModeration: (entry) => {
        emit('moderation', entry);
      },
      onModerated: (moderated) => {
        emit('moderated', moderated);
      },
      onWatch: (effect) => {
        this.watches[effect.type](effect);
      },
      onDemand: (roomId, subscribers) => {
        emit('demand', { roomId, subscribers });
        this.ingests.onDemand(roomId, subscribers);
      },
    });
    this.ingests = new Ingests({
      engine,
      director: this.director,
      maxIngests: () => this.#config.limits.rooms,
      emit: (event) => {
        emit('ingest', event);
      },
    });
    this.data = new DataRelay({
      rooms: this.director.rooms,
      policy: options.config.rooms.data,
      linkOf: (sessionId) => this.sessions.get(sessionId)?.viewing.dataLink,
      nowMs: () => engine.clock.nowMs(),
    });
    this.sessions = new Sessions({
      namespace: options.config.namespace,
      turn: options.config.turn,
      nowMs: () => engine.clock.nowMs(),
      makeSession: (session) =>
        new Session({
          ...session,
          director: this.director,
          engine,
          dataRelay: this.data,
          maxSubscriptions: this.#config.limits.subscriptionsPerSession,
          draining: () => this.draining,
          log,
        }),
    });
  }

  get draining(): boolean {
    return this.#drainUntilMs !== undefined;
  }

  /** True when a drain has nothing to wait for any more. */
  get drained(): boolean {
    if (this.#drainUntilMs === undefined) return false;
    return this.sessions.size === 0 || this.#engine.clock.nowMs() >= this.#drainUntilMs;
  }

  /** Takes limits and TURN settings of a new file; who is in stays in. */
  configure(config: SfuServiceConfig): void {
    this.#config = config;
    this.sessions.setTurn(config.turn);
    this.director.rooms.setLimits(config.limits);
    this.director.rooms.setPolicy(config.rooms);
    this.data.configure(config.rooms.data);
  }

  /** No new sessions or joins from now on; clients are told. */
  drain(deadlineMs: number): void {
    this.#drainUntilMs = this.#engine.clock.nowMs() + deadlineMs;
    this.sessions.announceDrain(RETRY_AFTER_MS, this.#config.alternatives);
  }

  /** Runs what is due. To be called about once a second. */
  tick(): void {
    const nowMs = this.#engine.clock.nowMs();
    this.sessions.tick(nowMs);
    this.watches.tick();
    this.director.apply(this.director.rooms.sweep(nowMs));
    this.director.updateSpeakers(nowMs);
  }

  close(): void {
    this.ingests.closeAll();
    this.sessions.closeAll();
  }
}
