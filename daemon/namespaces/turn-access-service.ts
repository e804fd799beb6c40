/** Who may use the TURN services: operators change it here, and what has served its time goes by itself. */
import { MAX_OLDER_TURN_SECRETS } from '../contract/turn-access.ts';
import { AppError } from '../contract/errors.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { Operations } from './operations.ts';
import type { RunningSettings } from './running-settings.ts';
import type { StateKeeper } from './state-keeper.ts';
import type { NamespaceStore, WebrtcRecord } from './system.ts';
import { fullUntilMs, withoutExpired } from './turn-access.ts';

/** An older secret or a revocation may last this much longer than it has to. */
const SWEEP_MS = 60_000;

export type TurnAccessOptions = {
  store: Pick<NamespaceStore, 'webrtcConfig' | 'webrtcConfigs' | 'setTurnKeys'>;
  state: Pick<StateKeeper, 'save'>;
  settings: RunningSettings;
  operations: Pick<Operations, 'running' | 'begin'>;
  /** Throws namespace_not_found, webrtc_not_enabled or operation_in_progress. */
  requireIdle: (namespace: string) => void;
  clock: Clock;
  log: Logger;
};

export class TurnAccessService {
  readonly #options: TurnAccessOptions;
  #cancelSweep: Cancel = () => undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: TurnAccessOptions) {
    this.#options = options;
  }

  /**
   * Credentials of before stay good until they end, or with `now` not at all; sessions go on either way.
   * Throws webrtc_not_enabled, operation_in_progress, or conflict when too many older secrets are still good.
   */
  rotateSecret(namespace: string, { now }: { now: boolean }): { operationId: string } {
    const { operations, requireIdle } = this.#options;
    requireIdle(namespace);
    const untilMs = fullUntilMs(this.#config(namespace).turnAccess);
    if (untilMs !== undefined && !now) {
      const sentence = `${String(MAX_OLDER_TURN_SECRETS)} older secrets of "${namespace}" are still good, the first of them until ${new Date(untilMs).toISOString()}: rotate after that, or drop them with --now.`;
      throw new AppError('conflict', sentence);
    }
    const record = operations.begin('rotate-turn-secret', { namespace }, now ? [] : ['drop-older']);
    return { operationId: record.id };
  }

  /** Once when the services are up; from then on every minute. */
  start(): void {
    if (this.#stopped) return;
    void this.sweep().then(() => {
      if (!this.#stopped) {
        this.#cancelSweep = this.#options.clock.after(SWEEP_MS, () => {
          this.start();
        });
      }
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelSweep();
    await this.#sweeping;
  }

  /** Drops what has served its time, and tells services what they could not be told before. Never rejects. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.then(() => this.#sweep());
    return this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const { store, state, settings, operations, clock, log } = this.#options;
    try {
      await settings.catchUp();
      let changed = false;
      for (const config of store.webrtcConfigs()) {
        const { namespace, sealedTurnSecret, turnAccess: before } = config;
        const turnAccess = withoutExpired(before, clock.nowMs());
        if (turnAccess === before || operations.running(namespace) !== undefined) continue;
        store.setTurnKeys(namespace, { sealedTurnSecret, turnAccess });
        changed = true;
        const dropped = before.secrets.length - turnAccess.secrets.length;
        if (dropped > 0) log.info({ namespace, dropped }, 'older TURN secrets have ended');
        await settings.applySoon('turn', namespace);
      }
      if (changed) await state.save();
    } catch (error) {
      log.error({ reason: messageOf(error) }, 'TURN access not cleaned up; it is tried again');
    }
  }

  #config(namespace: string): WebrtcRecord {
    const config = this.#options.store.webrtcConfig(namespace);
    if (config !== undefined) return config;
    throw new AppError('webrtc_not_enabled', `WebRTC is not enabled for the namespace "${namespace}".`);
  }
}
