/**
 * Carries what changed in the database to the running services of a namespace: renders their files again and has
 * them read. One change after the other, so that the last one to be written is the newest.
 */
import { AppError } from '../contract/errors.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { ControlLinks } from './control-links.ts';
import type { EnabledNamespaces, NodeSettings } from './enabled-namespaces.ts';
import type { ServiceInputs } from './render-service-config.ts';
import type { NamespaceStore, ServiceKind, ServiceManager, ServiceState } from './system.ts';

export type RunningSettingsOptions = {
  node: string;
  store: Pick<NamespaceStore, 'webrtcConfig' | 'portClaims'>;
  services: Pick<ServiceManager, 'status'>;
  links: Pick<ControlLinks, 'reload'>;
  enabled: EnabledNamespaces;
  log: Logger;
  reloadTimeoutMs: number;
};

/** There is no process that could hold older settings: the next one reads the file. */
const NOT_RUNNING: readonly ServiceState[] = ['stopped', 'stopping', 'waiting', 'failed'];
const TITLES: Record<ServiceKind, string> = { turn: 'TURN', sfu: 'SFU' };

export class RunningSettings {
  readonly #options: RunningSettingsOptions;
  readonly #queues = new Map<string, Promise<unknown>>();
  /** Services that have not read their newest file: `turn demo`. */
  readonly #behind = new Set<string>();

  constructor(options: RunningSettingsOptions) {
    this.#options = options;
  }

  /** From now on this process issues with what the database says. */
  adopt(namespace: string): void {
    const inputs = this.#inputs(namespace);
    if (inputs !== undefined) this.#options.enabled.replace(inputs);
  }

  /**
   * Rejects with `unavailable` when the service runs and does not answer: it is `behind` then. Does nothing
   * while WebRTC is off.
   */
  apply(kind: ServiceKind, namespace: string): Promise<void> {
    return this.#queue(namespace, () => this.#apply(kind, namespace, 'always'));
  }

  /** As `apply`, for changes that stand whether or not the service answers. @returns whether it did. */
  async applySoon(
    kind: ServiceKind,
    namespace: string,
    tell: 'always' | 'changes' = 'always',
  ): Promise<boolean> {
    try {
      await this.#queue(namespace, () => this.#apply(kind, namespace, tell));
      return true;
    } catch (error) {
      const { log } = this.#options;
      log.warn({ namespace, service: kind, reason: messageOf(error) }, 'new settings wait for the service');
      return false;
    }
  }

  /** Tries again what did not get through. */
  async catchUp(): Promise<void> {
    for (const name of [...this.#behind]) {
      const [kind, namespace = ''] = name.split(' ');
      await this.applySoon(kind === 'turn' ? 'turn' : 'sfu', namespace);
    }
  }

  /**
   * Divides the node anew among its namespaces: services whose share has changed read it and keep their sessions.
   */
  async shareNode(): Promise<void> {
    const names = this.#options.enabled.names();
    await Promise.all(names.map((namespace) => this.applySoon('turn', namespace, 'changes')));
  }

  /** New settings of the whole node: the services that run take them up and keep their sessions. */
  async retune(settings: NodeSettings): Promise<void> {
    const { enabled } = this.#options;
    enabled.retune(settings);
    await Promise.all(
      enabled.names().map(async (namespace) => {
        this.adopt(namespace);
        await this.applySoon('turn', namespace, 'changes');
        await this.applySoon('sfu', namespace, 'changes');
      }),
    );
  }

  /** Does something with the namespace's files while nobody else writes them. */
  exclusively(namespace: string, act: () => Promise<void>): Promise<void> {
    return this.#queue(namespace, act);
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#queues.values());
  }

  #queue(namespace: string, act: () => Promise<void>): Promise<void> {
    const next = (this.#queues.get(namespace) ?? Promise.resolve()).then(act);
    const settled = next.catch(() => undefined);
    this.#queues.set(namespace, settled);
    void settled.then(() => {
      if (this.#queues.get(namespace) === settled) this.#queues.delete(namespace);
    });
    return next;
  }

  /** @param tell `changes`: a service that has read what is in its file already is left alone. */
  async #apply(kind: ServiceKind, namespace: string, tell: 'always' | 'changes'): Promise<void> {
    const { enabled, services, links, reloadTimeoutMs } = this.#options;
    const name = `${kind} ${namespace}`;
    const inputs = enabled.get(namespace) === undefined ? undefined : this.#inputs(namespace);
    if (inputs === undefined) {
      this.#behind.delete(name);
      return;
    }
    const wasBehind = this.#behind.has(name);
    this.#behind.add(name);
    const changed =
      kind === 'turn' ? await enabled.writeTurnConfig(inputs) : await enabled.writeSfuConfig(inputs);
    if (tell === 'changes' && !changed && !wasBehind) {
      this.#behind.delete(name);
      return;
    }
    const service = { kind, namespace };
    if (!NOT_RUNNING.includes(services.status(service).state)) {
      if (!(await links.reload(service, reloadTimeoutMs))) {
        throw new AppError('unavailable', `The ${TITLES[kind]} service of "${namespace}" does not answer.`, {
          retryAfterSeconds: 5,
        });
      }
    }
    this.#behind.delete(name);
  }

  #inputs(namespace: string): ServiceInputs | undefined {
    const { node, store, enabled } = this.#options;
    const config = store.webrtcConfig(namespace);
    const claim = store.portClaims().find((one) => one.node === node && one.namespace === namespace);
    return config === undefined || claim === undefined ? undefined : enabled.open(config, claim.blocks);
  }
}
