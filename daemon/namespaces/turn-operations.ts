/** What operators ask of, and do to, the running TURN service of one namespace. Over its control link only. */
import { AppError } from '../contract/errors.ts';
import {
  NO_TURN_STATUS,
  type TurnOperationsStatus,
  type TurnRefusalList,
} from '../contract/turn-operations.ts';
import { refusalSentence } from '../contract/turn-refusal.ts';
import type { DisconnectTarget, TurnSessionList } from '../contract/turn-session.ts';
import type { ControlLinks } from './control-links.ts';
import type { ServiceManager, TurnControl } from './system.ts';
import { serviceView } from './webrtc-status.ts';

export type TurnOperationsOptions = {
  links: Pick<ControlLinks, 'turn' | 'probeTurn'>;
  services: Pick<ServiceManager, 'status' | 'drain'>;
  /** Throws namespace_not_found, webrtc_not_enabled or operation_in_progress. */
  requireIdle: (namespace: string) => void;
  /** Throws namespace_not_found or webrtc_not_enabled. */
  requireEnabled: (namespace: string) => void;
  probeTimeoutMs: number;
};

export class TurnOperations {
  readonly #options: TurnOperationsOptions;

  constructor(options: TurnOperationsOptions) {
    this.#options = options;
  }

  /** By a live probe: a service that does not answer has no numbers, and `sentence` says why. */
  async status(namespace: string): Promise<TurnOperationsStatus> {
    const { links, services, requireEnabled, probeTimeoutMs } = this.#options;
    requireEnabled(namespace);
    const answer = await links.probeTurn(namespace, probeTimeoutMs);
    const { sentence } = serviceView('turn', services.status({ kind: 'turn', namespace }), answer);
    return { ...(answer ?? NO_TURN_STATUS), sentence };
  }

  async sessions(namespace: string, options: { limit: number }): Promise<TurnSessionList> {
    return (await this.#control(namespace)).call('sessions', { limit: options.limit });
  }

  /** Newest first, each with its sentence. */
  async refusals(namespace: string): Promise<TurnRefusalList> {
    const { items } = await (await this.#control(namespace)).call('refusals', {});
    return {
      items: items.map(({ detail, ...facts }) => ({
        ...facts,
        reason: detail.reason,
        sentence: refusalSentence({ code: facts.code, detail }),
      })),
    };
  }

  /** @returns how many sessions were ended. */
  async disconnect(namespace: string, target: DisconnectTarget): Promise<{ ended: number }> {
    return (await this.#control(namespace)).call('disconnect', target);
  }

  /**
   * No new sessions from now on; the service ends when it is empty or at the deadline, and stays ended until
   * WebRTC is enabled anew or the daemon starts. Resolves when the service has taken the order.
   */
  async drain(namespace: string, options: { deadlineSeconds: number }): Promise<void> {
    this.#options.requireIdle(namespace);
    const deadlineMs = options.deadlineSeconds * 1000;
    await this.#options.services.drain({ kind: 'turn', namespace }, { deadlineMs, wait: false });
  }

  async #control(namespace: string): Promise<TurnControl> {
    const { links, services, requireEnabled, probeTimeoutMs } = this.#options;
    requireEnabled(namespace);
    const control = await links.turn(namespace, probeTimeoutMs);
    if (control !== undefined) return control;
    const { sentence } = serviceView('turn', services.status({ kind: 'turn', namespace }), null);
    throw new AppError('unavailable', sentence, { retryAfterSeconds: 5 });
  }
}
