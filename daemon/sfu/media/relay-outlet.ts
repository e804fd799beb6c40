/** Where one association's RTP packets go: to the nominated address, while that is a relay of this namespace. */
import type { Pace, SealedFlow, SealedOutlet } from '../../datagrams/sealed-flow.ts';
import type { RelaySet } from './relay-set.ts';

/** Host and port. */
export type Target = readonly [string, number];

export class RelayOutlet implements SealedOutlet {
  readonly view: DataView;
  readonly #flow: SealedFlow;
  readonly #target: () => Target | undefined;
  readonly #relays: () => RelaySet;
  readonly #onRefused: () => void;
  /** What was found to be allowed: looked at again when either is another one. */
  #aimedAt: Target | undefined;
  #aimedUnder: RelaySet | undefined;

  constructor(
    flow: SealedFlow,
    options: { target: () => Target | undefined; relays: () => RelaySet; onRefused: () => void },
  ) {
    this.view = flow.view;
    this.#flow = flow;
    this.#target = options.target;
    this.#relays = options.relays;
    this.#onRefused = options.onRefused;
  }

  add(payload: Buffer, isShared: boolean, headerBytes: number, rollover: number, pace: Pace): number {
    const target = this.#target();
    if (target === undefined) return -1;
    const relays = this.#relays();
    if ((target !== this.#aimedAt || relays !== this.#aimedUnder) && !this.#aim(target, relays)) {
      this.#onRefused();
      return -1;
    }
    return this.#flow.add(payload, isShared, headerBytes, rollover, pace);
  }

  close(): void {
    this.#flow.close();
  }

  #aim(target: Target, relays: RelaySet): boolean {
    const [address, port] = target;
    const isAllowed = relays.has(address, port) && this.#flow.aim(address, port);
    this.#aimedAt = isAllowed ? target : undefined;
    this.#aimedUnder = isAllowed ? relays : undefined;
    return isAllowed;
  }
}
