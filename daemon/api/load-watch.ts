/**
 * Load of the host and of every namespace's services: asked every 2 s while somebody looks, once for all readers, else
 * once a minute for the history. A service that does not answer has no numbers.
 */
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { HostLoad, Load, NamespaceLoad } from '../contract/load.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { LoadHistory } from './load-history.ts';
import type { NamespaceService, Unsubscribe } from './services.ts';

const POLL_MS = 2000;
const HISTORY_MS = 60_000;
/** A host carries twenty; two control calls each. */
const MAX_NAMESPACES = 64;

type Listener = (load: Load) => void;

export type LoadWatchOptions = {
  namespaces: Pick<NamespaceService, 'list' | 'probe'>;
  host: () => Promise<HostLoad | null>;
  clock: Clock;
};

export class LoadWatch {
  readonly #options: LoadWatchOptions;
  readonly history = new LoadHistory();
  readonly #listeners = new Set<Listener>();
  #last: Load | undefined;
  #cancel: Cancel = () => undefined;
  #cancelHistory: Cancel = () => undefined;
  #ended = false;
  /** Another number each time somebody begins to look: an answer of before is nobody's. */
  #round = 0;

  constructor(options: LoadWatchOptions) {
    this.#options = options;
  }

  /** Tells the listener what is known at once, then every answer. It must not throw. */
  add(listener: Listener): Unsubscribe {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) void this.#poll(++this.#round);
    else if (this.#last !== undefined) listener(this.#last);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#rest();
    };
  }

  /** Begins the history: now, and once a minute until `close()`. */
  record(): void {
    void this.#remember();
  }

  close(): void {
    this.#ended = true;
    this.#cancelHistory();
    this.#rest();
  }

  /** Nobody looks any more. */
  #rest(): void {
    this.#round += 1;
    this.#cancel();
    this.#listeners.clear();
    this.#last = undefined;
  }

  async #remember(): Promise<void> {
    const load = this.#last ?? (await this.#ask());
    if (this.#ended) return;
    this.history.add(load);
    this.#cancelHistory = this.#options.clock.after(HISTORY_MS, () => void this.#remember());
  }

  async #poll(round: number): Promise<void> {
    const load = await this.#ask();
    if (round !== this.#round) return;
    this.#last = load;
    this.history.add(load);
    this.#cancel = this.#options.clock.after(POLL_MS, () => void this.#poll(round));
    for (const listener of [...this.#listeners]) listener(load);
  }

  /** Never rejects. */
  async #ask(): Promise<Load> {
    const { namespaces, host, clock } = this.#options;
    const names = namespaces.list().slice(0, MAX_NAMESPACES);
    const [hostLoad, ...loads] = await Promise.all([
      host().catch(() => null),
      ...names.map(async ({ name }) => loadOf(name, await namespaces.probe(name).catch(() => null))),
    ]);
    return { at: new Date(clock.nowMs()).toISOString(), host: hostLoad, namespaces: loads };
  }
}

function loadOf(
  namespace: string,
  probe: { turn: TurnStatus | null; sfu: SfuStatus | null } | null,
): NamespaceLoad {
  return { namespace, turn: turnLoad(probe?.turn ?? null), sfu: sfuLoad(probe?.sfu ?? null) };
}

function turnLoad(turn: TurnStatus | null): NamespaceLoad['turn'] {
  if (turn === null) return null;
  const { allocations, relayed, drops, kernelDrops } = turn;
  return {
    process: turn.process ?? null,
    allocations,
    relayed: {
      packets: relayed.toPeerPackets + relayed.toClientPackets,
      bytes: relayed.toPeerBytes + relayed.toClientBytes,
    },
    drops: { ...drops, kernel: kernelDrops },
  };
}

function sfuLoad(sfu: SfuStatus | null): NamespaceLoad['sfu'] {
  if (sfu === null) return null;
  const { sessions, rooms, publishers, subscriptions, forwarded, drops } = sfu;
  return { process: sfu.process ?? null, sessions, rooms, publishers, subscriptions, forwarded, drops };
}
