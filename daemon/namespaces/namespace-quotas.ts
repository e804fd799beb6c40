/** What each namespace may take of the host: as configured, or its own; held by the service manager. */
import {
  ownQuotaSchema,
  quotaSchema,
  quotaTooSmall,
  type ChangeQuota,
  type OwnQuota,
  type Quota,
  type QuotaView,
} from '../contract/quota.ts';
import { AppError } from '../contract/errors.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { StateKeeper } from './state-keeper.ts';
import type { NamespaceStore, ServiceManager } from './system.ts';

export type NamespaceQuotasOptions = {
  store: Pick<NamespaceStore, 'quota' | 'setQuota' | 'webrtcConfig'>;
  services: Pick<ServiceManager, 'limit' | 'limits'>;
  state: Pick<StateKeeper, 'save'>;
  /** What counts without a quota of its own. */
  defaults: Quota;
  sfuWorkers: number;
  /** Throws namespace_not_found. */
  requireNamespace: (name: string) => void;
  log: Logger;
};

export class NamespaceQuotas {
  readonly #options: NamespaceQuotasOptions;
  #defaults: Quota;

  constructor(options: NamespaceQuotasOptions) {
    this.#options = options;
    this.#defaults = options.defaults;
  }

  /** What counts without a quota of its own is something else now, in force at once for these. Never rejects. */
  async retune(defaults: Quota, namespaces: readonly string[]): Promise<void> {
    if (JSON.stringify(defaults) === JSON.stringify(this.#defaults)) return;
    this.#defaults = defaults;
    await Promise.all(namespaces.map((namespace) => this.apply(namespace)));
  }

  /** Throws namespace_not_found. Asks the service manager what counts really. */
  async view(namespace: string): Promise<QuotaView> {
    const { store, services, requireNamespace } = this.#options;
    requireNamespace(namespace);
    const quota = this.#of(namespace);
    const own = store.quota(namespace);
    if (store.webrtcConfig(namespace) === undefined) return { quota, own, problem: '', used: null };
    try {
      const held = await services.limits(namespace);
      if (held === null) return { quota, own, problem: NOBODY_HOLDS, used: null };
      const { memoryBytes, tasks } = held.used;
      const used = memoryBytes === null && tasks === null ? null : held.used;
      return { quota, own, problem: difference(quota, held.quota), used };
    } catch (error) {
      return { quota, own, problem: messageOf(error), used: null };
    }
  }

  /** For the inspection: why it is not held to its quota by a manager that does so. */
  async drift(namespace: string): Promise<string> {
    const { problem } = await this.view(namespace);
    return problem === NOBODY_HOLDS ? '' : problem;
  }

  /**
   * Stored, in the state file, and in force at once. Throws namespace_not_found; rejects with invalid_request where its services
   * could not run in it, and with what systemd refuses.
   */
  async change(namespace: string, change: ChangeQuota): Promise<QuotaView> {
    const { store, state, requireNamespace, services } = this.#options;
    requireNamespace(namespace);
    const merged = Object.entries({ ...store.quota(namespace), ...change }).filter(
      ([, value]) => value !== null,
    );
    const next = ownQuotaSchema.parse(Object.fromEntries(merged));
    const small = quotaTooSmall(this.#with(next), this.#options.sfuWorkers);
    if (small !== undefined) throw new AppError('invalid_request', `${small.message}.`);
    store.setQuota(namespace, next);
    if (store.webrtcConfig(namespace) !== undefined) {
      await state.save();
      await services.limit(namespace, this.#of(namespace));
    }
    return this.view(namespace);
  }

  /** Before its services start. Never rejects: a picture is worth more than its bound, which the inspection misses. */
  async apply(namespace: string, own: OwnQuota = this.#options.store.quota(namespace)): Promise<void> {
    try {
      await this.#options.services.limit(namespace, this.#with(own));
    } catch (error) {
      this.#options.log.error({ err: error, namespace }, 'quota not in force');
    }
  }

  #of(namespace: string): Quota {
    return this.#with(this.#options.store.quota(namespace));
  }

  #with(own: OwnQuota): Quota {
    return quotaSchema.parse({ ...this.#defaults, ...own });
  }
}

const NOBODY_HOLDS =
  'Nobody holds it to its quota: services run as child processes of turnkeepd. With services.manager: systemd they have a slice of their own.';

const TITLES: Record<keyof Quota, [string, string]> = {
  memoryMiB: ['memory', ' MiB'],
  tasks: ['tasks', ''],
  cpuPercent: ['CPU', ' %'],
  cpuWeight: ['CPU weight', ''],
};

/** What somebody changed behind the daemon's back, in a sentence. */
function difference(wanted: Quota, held: Record<keyof Quota, number | null>): string {
  const wrong = (Object.keys(TITLES) as (keyof Quota)[]).filter((key) => held[key] !== wanted[key]);
  if (wrong.length === 0) return '';
  const parts = wrong.map((key) => {
    const [title, unit] = TITLES[key];
    const value = held[key];
    const is =
      value === null || (key === 'cpuPercent' && value === 0) ? 'unbounded' : `${String(value)}${unit}`;
    return `${title} is ${is} instead of ${String(wanted[key])}${unit}`;
  });
  return `systemd holds it to something else: ${parts.join(', ')}.`;
}
