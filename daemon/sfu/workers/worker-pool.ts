/**
 * The workers of one SFU service and which of them has which room. A room is placed when it is first named, in the
 * worker with the fewest rooms and subscriptions, and stays there until it is closed or the worker dies. Rooms that were made on
 * purpose are made again elsewhere then.
 */
import { AppError } from '../../contract/errors.ts';
import type { ModerationEntry, RoomSettings } from '../../contract/rooms.ts';
import { messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type { SfuEvent, WorkerControl, WorkerProcess } from './system.ts';
import { WorkerRooms } from './worker-rooms.ts';

/** A room that was named and never opened (a refused join) gives its place back after this. */
const UNOPENED_MS = 60_000;
/** Of such names at a time, beside the rooms there are. */
const MAX_UNOPENED = 1000;
/** Who was in a room of a worker that died is back long before. */
const MUTES_KEPT_MS = 60_000;
/** Of one room; what the control socket takes in one message. */
const MAX_MUTES = 1000;

type Place = { worker: WorkerProcess; placedAtMs: number };

export class WorkerPool {
  readonly #options: {
    workers: readonly WorkerProcess[];
    maxRooms: () => number;
    nowMs: () => number;
    /** To the daemon. */
    emit: (event: SfuEvent) => void;
    log: Logger;
  };
  readonly #inside = new Map<WorkerProcess, WorkerRooms>();
  readonly #places = new Map<string, Place>();
  /** Rooms that were made on purpose. */
  readonly #made = new Map<string, RoomSettings>();
  /** Of rooms whose worker has died, until they are opened again: at most what that worker remembered. */
  readonly #mutes = new Map<string, { entries: ModerationEntry[]; keptUntilMs: number }>();

  constructor(options: {
    workers: readonly WorkerProcess[];
    maxRooms: () => number;
    nowMs: () => number;
    emit: (event: SfuEvent) => void;
    log: Logger;
  }) {
    this.#options = options;
    for (const worker of options.workers) this.#inside.set(worker, new WorkerRooms());
  }

  get workers(): readonly WorkerProcess[] {
    return this.#options.workers;
  }

  /** Those that answer now. */
  get controls(): WorkerControl[] {
    return this.workers.flatMap(({ control }) => (control === undefined ? [] : [control]));
  }

  inside(worker: WorkerProcess): WorkerRooms {
    return this.#inside.get(worker) ?? new WorkerRooms();
  }

  /** The worker that has the room. */
  workerOf(roomId: string): WorkerProcess | undefined {
    return this.#places.get(roomId)?.worker;
  }

  workerOfIngest(ingestId: string): WorkerProcess | undefined {
    return this.workers.find((worker) => this.inside(worker).hasIngest(ingestId));
  }

  /**
   * The worker that has the room or is given it: `near` where it is named and lives, else the least loaded.
   * @throws AppError room_limit or unavailable.
   */
  place(roomId: string, near?: WorkerProcess): WorkerProcess {
    const known = this.#places.get(roomId);
    if (known !== undefined) return known.worker;
    this.#checkLimit();
    const worker = near?.control === undefined ? this.#leastLoaded() : near;
    this.#places.set(roomId, { worker, placedAtMs: this.#options.nowMs() });
    return worker;
  }

  /** A room is made on purpose. Rejects with what the worker says, room_limit or unavailable. */
  async make(roomId: string, settings: RoomSettings): Promise<void> {
    await callOf(this.place(roomId)).call('rooms.create', { roomId, ...settings });
    this.#made.set(roomId, settings);
  }

  /** A worker tells something; it goes on to the daemon. */
  take(worker: WorkerProcess, event: SfuEvent): void {
    this.inside(worker).take(event);
    if (event.name === 'room') {
      const { roomId, state } = event.data;
      if (state === 'opened') {
        this.#places.set(roomId, { worker, placedAtMs: this.#options.nowMs() });
        this.#muteAgain(worker, roomId);
      } else if (this.#places.get(roomId)?.worker === worker) {
        this.#places.delete(roomId);
        this.#made.delete(roomId);
      }
    }
    this.#options.emit(event);
  }

  /** A worker has died: its rooms are gone. Who was in them comes back to another worker. */
  ended(worker: WorkerProcess): void {
    for (const [roomId, place] of this.#places) if (place.worker === worker) this.#places.delete(roomId);
    const nowMs = this.#options.nowMs();
    for (const { roomId, entries } of this.inside(worker).mutes) {
      this.#mutes.set(roomId, { entries: entries.slice(-MAX_MUTES), keptUntilMs: nowMs + MUTES_KEPT_MS });
    }
    for (const event of this.inside(worker).end(nowMs)) {
      // A room that was made on purpose goes on to exist for the daemon.
      if (event.name !== 'room' || !this.#made.has(event.data.roomId)) this.#options.emit(event);
    }
    this.#makeAgain();
  }

  /** A worker is there, for the first time or again. */
  began(): void {
    this.#makeAgain();
  }

  /** Runs what is due. */
  tick(): void {
    const nowMs = this.#options.nowMs();
    for (const [roomId, { worker, placedAtMs }] of this.#places) {
      if (nowMs - placedAtMs >= UNOPENED_MS && !this.inside(worker).rooms.has(roomId)) {
        this.#places.delete(roomId);
      }
    }
    for (const [roomId, { keptUntilMs }] of this.#mutes) {
      if (nowMs >= keptUntilMs) this.#mutes.delete(roomId);
    }
  }

  /** A room that was lost with its worker is there again: who was muted in it still is. */
  #muteAgain(worker: WorkerProcess, roomId: string): void {
    const known = this.#mutes.get(roomId);
    this.#mutes.delete(roomId);
    if (known === undefined || worker.control === undefined) return;
    const entries = known.entries.map(({ identity, ban, muted }) => ({ identity, ban, muted }));
    worker.control.call('moderation.restore', { roomId, entries }).catch((error: unknown) => {
      this.#options.log.warn({ roomId, reason: messageOf(error) }, 'mutes were not handed over');
    });
  }

  #checkLimit(): void {
    let open = 0;
    for (const { rooms } of this.#inside.values()) open += rooms.size;
    if (open >= this.#options.maxRooms() || this.#places.size >= open + MAX_UNOPENED) {
      throw new AppError('room_limit', 'This namespace has as many rooms as it may.');
    }
  }

  #leastLoaded(): WorkerProcess {
    const placed = (worker: WorkerProcess): number => {
      let count = 0;
      for (const place of this.#places.values()) if (place.worker === worker) count += 1;
      return count;
    };
    const [first] = this.workers
      .filter(({ control }) => control !== undefined)
      // A room costs about as much as a viewer: its camera's packets are opened once.
      .map((worker) => ({ worker, load: this.inside(worker).subscriptions + placed(worker) }))
      .sort((a, b) => a.load - b.load || a.worker.index - b.worker.index);
    if (first === undefined) {
      throw new AppError('unavailable', 'The SFU is being started again; try again in a second.', {
        retryAfterSeconds: 1,
      });
    }
    return first.worker;
  }

  #makeAgain(): void {
    for (const [roomId, settings] of this.#made) {
      if (this.#places.has(roomId)) continue;
      this.make(roomId, settings).catch((error: unknown) => {
        this.#options.log.warn({ roomId, reason: messageOf(error) }, 'a room is not made again yet');
      });
    }
  }
}

/** @throws AppError unavailable while the worker is not there. */
export function callOf(worker: WorkerProcess): WorkerControl {
  if (worker.control !== undefined) return worker.control;
  throw new AppError(
    'unavailable',
    'The worker of this room is being started again; try again in a second.',
    {
      retryAfterSeconds: 1,
    },
  );
}
