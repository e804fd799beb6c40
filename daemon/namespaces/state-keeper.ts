/** Keeps the state file in step with the database: one writer, one generation after the other. */
import type { OwnQuota } from '../contract/quota.ts';
import type { ClusterState, StateNamespace } from '../contract/state-file.ts';
import type { Clock } from '../kit/clock.ts';
import { chooseState, encodeStateFile, type StateChoice } from './state-file.ts';
import type { NamespaceStore, PortClaim, StateFileStore, WebrtcRecord } from './system.ts';

export class StateKeeper {
  readonly #node: string;
  readonly #store: NamespaceStore;
  readonly #file: StateFileStore;
  readonly #clock: Clock;
  readonly #enabling = new Set<string>();
  #generation = 0;
  /** Only a copy that was read or written well may replace the previous one. */
  #currentIsGood = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: { node: string; store: NamespaceStore; file: StateFileStore; clock: Clock }) {
    this.#node = options.node;
    this.#store = options.store;
    this.#file = options.file;
    this.#clock = options.clock;
  }

  /** Reads both copies. Rejects only when a copy is there and cannot be read at all. */
  async load(): Promise<StateChoice> {
    const choice = chooseState(await this.#file.read());
    this.#currentIsGood = choice.source === 'current';
    this.#generation = choice.state?.generation ?? 0;
    return choice;
  }

  /**
   * Writes every enabled namespace, and those being enabled that were named here: `alsoNamespace` from now on,
   * so that the end of another enable does not take it out again.
   */
  save(alsoNamespace?: string): Promise<void> {
    if (alsoNamespace !== undefined) this.#enabling.add(alsoNamespace);
    const next = this.#queue.then(() => this.#save());
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /** An enable is taken back: the namespace is written no longer. */
  withdraw(namespace: string): Promise<void> {
    this.#enabling.delete(namespace);
    return this.save();
  }

  async #save(): Promise<void> {
    for (const name of this.#enabling) {
      if (this.#store.webrtcConfig(name)?.state !== 'enabling') this.#enabling.delete(name);
    }
    const generation = Math.max(this.#generation, this.#store.stateGeneration(this.#node)) + 1;
    const state: ClusterState = {
      version: 1,
      generation,
      node: this.#node,
      saved_at: new Date(this.#clock.nowMs()).toISOString(),
      namespaces: enabledNamespaces(this.#node, this.#store, this.#enabling),
    };
    await this.#file.write(encodeStateFile(state), { keepPrevious: this.#currentIsGood });
    this.#currentIsGood = true;
    this.#generation = generation;
    this.#store.setStateGeneration(this.#node, generation);
  }
}

/** What the state file says of the database's namespaces. */
export function enabledNamespaces(
  node: string,
  store: Pick<NamespaceStore, 'webrtcConfigs' | 'portClaims' | 'quota'>,
  alsoNamespaces: ReadonlySet<string> = new Set(),
): StateNamespace[] {
  const claims = store.portClaims();
  return store.webrtcConfigs().flatMap((config) => {
    const claim = claims.find((one) => one.node === node && one.namespace === config.namespace);
    const counts = config.state === 'enabled' || alsoNamespaces.has(config.namespace);
    return claim === undefined || !counts
      ? []
      : [stateNamespace(config, claim, store.quota(config.namespace))];
  });
}

function stateNamespace(config: WebrtcRecord, claim: PortClaim, quota: OwnQuota): StateNamespace {
  return {
    name: config.namespace,
    has_sfu: true,
    has_turn: true,
    ports: claim.blocks,
    domain: config.domain,
    credential_ttl_seconds: config.ttlSeconds,
    relay_scope: config.relayScope,
    sealed_turn_secret: config.sealedTurnSecret,
    sealed_ticket_key: config.sealedTicketKey,
    turn_access: config.turnAccess,
    quota,
  };
}
