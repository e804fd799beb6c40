/** The namespaces by name: what there is, what is told of each, and who hears of a change. */
import type { Namespace, Operation } from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import { namespaceNameSchema } from '../contract/names.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/logger.ts';
import { notEnabled } from './enabled-namespaces.ts';
import type { NamespaceStore, OperationRecord, ServiceReport, Unsubscribe } from './system.ts';
import { webrtcState } from './webrtc-status.ts';

export type NamespaceChange =
  | { type: 'namespace'; namespace: Namespace }
  | { type: 'namespace-removed'; name: string }
  | { type: 'operation'; operation: Operation };

export type NamespaceRegistryOptions = {
  store: Pick<NamespaceStore, 'namespaces' | 'insertNamespace' | 'deleteNamespace' | 'webrtcConfig'>;
  /** The operation under way. */
  running: (name: string) => OperationRecord | undefined;
  reports: (name: string) => Record<'turn' | 'sfu', ServiceReport>;
  /** Those that could not be brought back. */
  broken: Pick<ReadonlyMap<string, string>, 'has'>;
  clock: Clock;
  log: Logger;
};

export class NamespaceRegistry {
  readonly #options: NamespaceRegistryOptions;
  readonly #listeners = new Set<(change: NamespaceChange) => void>();
  /** What was last told of each namespace, so that nothing is told twice. */
  readonly #told = new Map<string, string>();

  constructor(options: NamespaceRegistryOptions) {
    this.#options = options;
  }

  list(): Namespace[] {
    return this.#options.store.namespaces().map((record) => this.#view(record.name, record.createdAtMs));
  }

  /** Throws namespace_not_found. */
  get(name: string): Namespace {
    const record = this.#options.store.namespaces().find((one) => one.name === name);
    if (record === undefined) {
      throw new AppError('namespace_not_found', `There is no namespace "${name}".`);
    }
    return this.#view(record.name, record.createdAtMs);
  }

  /** Throws namespace_not_found, or webrtc_not_enabled while there is no WebRTC configuration. */
  requireEnabled(name: string): void {
    this.get(name);
    if (this.#options.store.webrtcConfig(name) === undefined) throw notEnabled(name);
  }

  /** Throws namespace_exists, or invalid_request for a name outside the grammar. */
  create(name: string): Namespace {
    const parsed = namespaceNameSchema.safeParse(name);
    if (!parsed.success) {
      throw new AppError('invalid_request', parsed.error.issues[0]?.message ?? 'not a namespace name');
    }
    this.#options.store.insertNamespace({ name, createdAtMs: this.#options.clock.nowMs() });
    this.tell(name);
    return this.get(name);
  }

  /** Throws namespace_in_use while WebRTC is set up or an operation runs. Cameras are not known here. */
  delete(name: string): void {
    const { store, running } = this.#options;
    this.get(name);
    if (running(name) !== undefined || store.webrtcConfig(name) !== undefined) {
      throw new AppError('namespace_in_use', `WebRTC is enabled for "${name}": disable it first.`);
    }
    store.deleteNamespace(name);
    this.#told.delete(name);
    this.emit({ type: 'namespace-removed', name });
  }

  subscribe(listener: (change: NamespaceChange) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Tells the listeners what changed about a namespace, if anything did. */
  tell(name: string): void {
    const record = this.#options.store.namespaces().find((one) => one.name === name);
    if (record === undefined) return;
    const namespace = this.#view(name, record.createdAtMs);
    const text = JSON.stringify(namespace);
    if (this.#told.get(name) === text) return;
    this.#told.set(name, text);
    this.emit({ type: 'namespace', namespace });
  }

  emit(change: NamespaceChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#options.log.error({ err: error }, 'listener of namespace changes failed');
      }
    }
  }

  /** Nobody is told anything any more. */
  close(): void {
    this.#listeners.clear();
  }

  #view(name: string, createdAtMs: number): Namespace {
    const { store, broken, reports } = this.#options;
    const running = this.#options.running(name);
    return {
      name,
      createdAt: new Date(createdAtMs).toISOString(),
      webrtc: webrtcState({
        config: store.webrtcConfig(name),
        running: running?.kind,
        broken: broken.has(name),
        ...reports(name),
      }),
      operationId: running?.id ?? null,
    };
  }
}
