/** Who may use the TURN services: operators change it here, and what has served its time goes by itself. */
import { MAX_OLDER_TURN_SECRETS, type RevokedList, type TurnAccess } from '../contract/turn-access.ts';
import { MAX_REVOKED_SUBJECTS } from '../contract/turn-config.ts';
import { AppError } from '../contract/errors.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { Operations } from './operations.ts';
import type { RunningSettings } from './running-settings.ts';
import type { StateKeeper } from './state-keeper.ts';
import type { EnabledNamespaces } from './enabled-namespaces.ts';
import type { ControlLinks } from './control-links.ts';
import type { NamespaceStore, WebrtcRecord } from './system.ts';
import { fullUntilMs, revocableSubject, withoutExpired, withoutRevoked, withRevoked } from './turn-access.ts';

/** An older secret or a revocation may last this much longer than it has to. */
const SWEEP_MS = 60_000;

export type TurnAccessOptions = {
  store: Pick<NamespaceStore, 'webrtcConfig' | 'webrtcConfigs' | 'setTurnKeys'>;
  state: Pick<StateKeeper, 'save'>;
  settings: RunningSettings;
  operations: Pick<Operations, 'running' | 'begin'>;
  /** Throws namespace_not_found, webrtc_not_enabled or operation_in_progress. */
  requireIdle: (namespace: string) => void;
  /** Throws namespace_not_found or webrtc_not_enabled. */
  requireEnabled: (namespace: string) => void;
  enabled: Pick<EnabledNamespaces, 'get'>;
  links: Pick<ControlLinks, 'turn' | 'sfu'>;
  /** How long a credential may live and still be taken, by any clock. */
  longestCredentialMs: number;
  controlTimeoutMs: number;
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

  /** Subjects that get nothing more. Throws namespace_not_found or webrtc_not_enabled. */
  revoked(namespace: string): RevokedList {
    return {
      items: this.#config(namespace).turnAccess.revoked.map(({ subject, untilMs }) => ({
        subject,
        until: untilMs === null ? null : new Date(untilMs).toISOString(),
      })),
    };
  }

  /** Throws forbidden, and says how it is taken back. */
  refuseRevoked(namespace: string, identity: string): void {
    const subject = revocableSubject(identity);
    const revoked = this.#options.enabled.get(namespace)?.revoked;
    if (revoked?.some((one) => one.subject === subject) !== true) return;
    const remedy = `turnkeep turn unrevoke --namespace ${namespace} --subject ${subject}`;
    throw new AppError(
      'forbidden',
      `"${subject}" is revoked in "${namespace}". Allow it again with: ${remedy}`,
    );
  }

  /**
   * Ends what the subject has open and refuses it from now on, until it is taken back.
   * Throws webrtc_not_enabled, or conflict when too many are revoked.
   */
  async revoke(namespace: string, identity: string): Promise<{ subject: string; ended: number }> {
    const subject = this.#record(namespace, identity, null);
    const ended = await this.#end(namespace, identity, subject);
    await this.#save();
    return { subject, ended };
  }

  /** Throws webrtc_not_enabled, or not_found when it is not revoked. */
  async unrevoke(namespace: string, identity: string): Promise<void> {
    const { turnAccess } = this.#config(namespace);
    const subject = revocableSubject(identity);
    const left = withoutRevoked(turnAccess, subject);
    if (left.revoked.length === turnAccess.revoked.length) {
      throw new AppError('not_found', `"${subject}" is not revoked in "${namespace}".`);
    }
    this.#put(namespace, left);
    this.#options.log.info({ namespace, subject }, 'TURN subject allowed again');
    await this.#options.settings.applySoon('turn', namespace);
    await this.#save();
  }

  /**
   * A user, an API key or a camera is gone: what it holds ends everywhere, or in one namespace, and credentials it
   * still has open nothing. Nobody issues for it any more, so that is remembered for their longest life only.
   */
  async depart(identity: string, namespace?: string): Promise<void> {
    const { store, clock, log, longestCredentialMs } = this.#options;
    const untilMs = clock.nowMs() + longestCredentialMs;
    const concerned = store
      .webrtcConfigs()
      .filter((one) => one.state === 'enabled' && (namespace === undefined || one.namespace === namespace));
    await Promise.all(
      concerned.map(async (one) => {
        try {
          await this.#end(one.namespace, identity, this.#record(one.namespace, identity, untilMs));
        } catch (error) {
          log.error({ namespace: one.namespace, reason: messageOf(error) }, 'TURN subject not revoked');
        }
      }),
    );
    if (concerned.length > 0) await this.#save();
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
    const { store, settings, operations, clock, log } = this.#options;
    try {
      await settings.catchUp();
      let changed = false;
      for (const config of store.webrtcConfigs()) {
        const { namespace, sealedTurnSecret, turnAccess: before } = config;
        const turnAccess = withoutExpired(before, clock.nowMs());
        if (turnAccess === before || operations.running(namespace) !== undefined) continue;
        store.setTurnKeys(namespace, { sealedTurnSecret, turnAccess });
        settings.adopt(namespace);
        changed = true;
        const dropped = before.secrets.length - turnAccess.secrets.length;
        if (dropped > 0) log.info({ namespace, dropped }, 'older TURN secrets have ended');
        await settings.applySoon('turn', namespace);
      }
      if (changed) await this.#save();
    } catch (error) {
      log.error({ reason: messageOf(error) }, 'TURN access not cleaned up; it is tried again');
    }
  }

  /** @returns the subject. */
  #record(namespace: string, identity: string, untilMs: number | null): string {
    const subject = revocableSubject(identity);
    const turnAccess = withRevoked(this.#config(namespace).turnAccess, subject, untilMs);
    if (turnAccess.revoked.length > MAX_REVOKED_SUBJECTS) {
      const sentence = `${String(MAX_REVOKED_SUBJECTS)} subjects are revoked in "${namespace}" already: allow some again, or rotate the TURN secret with --now.`;
      throw new AppError('conflict', sentence);
    }
    this.#put(namespace, turnAccess);
    this.#options.log.info({ namespace, subject, untilMs }, 'TURN subject revoked');
    return subject;
  }

  #put(namespace: string, turnAccess: TurnAccess): void {
    const { store, settings } = this.#options;
    store.setTurnKeys(namespace, { ...this.#config(namespace), turnAccess });
    settings.adopt(namespace);
  }

  /** In signaling and in TURN. @returns how many TURN sessions that ended. */
  async #end(namespace: string, identity: string, subject: string): Promise<number> {
    const { links, settings, controlTimeoutMs, log } = this.#options;
    const timeout = { timeoutMs: controlTimeoutMs };
    const kick = async (who: string): Promise<void> => {
      await links
        .sfu(namespace)
        ?.call('sessions.kick', { identity: who, reason: 'Access was withdrawn.' }, timeout);
    };
    const disconnect = async (): Promise<number> => {
      const control = await links.turn(namespace, controlTimeoutMs);
      return (await control?.call('disconnect', { subject }, timeout))?.ended ?? 0;
    };
    // The subject of an API key is not spelled like its identity.
    const names = new Set([identity, subject, subject.replace(/^key_/, 'key:')]);
    const [ended, ...rest] = await Promise.allSettled([disconnect(), ...[...names].map(kick)]);
    for (const result of [ended, ...rest]) {
      if (result.status === 'rejected') {
        log.warn({ namespace, subject, reason: messageOf(result.reason) }, 'a service did not answer');
      }
    }
    // Last: it also ends what was opened a moment ago.
    await settings.applySoon('turn', namespace);
    return ended.status === 'fulfilled' ? ended.value : 0;
  }

  /** What was changed stands in the database; the next save takes it along. */
  async #save(): Promise<void> {
    try {
      await this.#options.state.save();
    } catch (error) {
      this.#options.log.error({ reason: messageOf(error) }, 'state file not written');
    }
  }

  #config(namespace: string): WebrtcRecord {
    this.#options.requireEnabled(namespace);
    const config = this.#options.store.webrtcConfig(namespace);
    if (config?.state === 'enabled') return config;
    throw new AppError('webrtc_not_enabled', `WebRTC is not enabled for the namespace "${namespace}".`);
  }
}
