/**
 * Writes "online since" and "last seen" of many cameras in groups: each write waits for the disk, and a
 * thousand cameras that reconnect at once must not stop the daemon for it.
 */
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { DeviceStore } from './system.ts';

/** A power cut loses at most this much of what is only a record of the past. */
const GROUP_MS = 250;

export type Presence = { onlineSinceMs: number | null; lastSeenAtMs: number | null };

export class PresenceWriter {
  readonly #store: Pick<DeviceStore, 'updateMany'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waiting = new Map<string, Presence>();
  #cancel: Cancel | undefined;

  constructor(options: { store: Pick<DeviceStore, 'updateMany'>; clock: Clock; logger: Logger }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  write(deviceId: string, presence: Presence): void {
    this.#waiting.set(deviceId, presence);
    this.#cancel ??= this.#clock.after(GROUP_MS, () => {
      this.flush();
    });
  }

  forget(deviceId: string): void {
    this.#waiting.delete(deviceId);
  }

  /** Writes what waits, now. Never throws: the next change of a camera corrects a write that failed. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#waiting.size === 0) return;
    const changes = [...this.#waiting].map(([id, change]) => ({ id, change }));
    this.#waiting.clear();
    try {
      this.#store.updateMany(changes);
    } catch (error) {
      this.#logger.warn({ reason: messageOf(error) }, 'when cameras were seen could not be written');
    }
  }
}
