/**
 * Joins the transports with the media core: creates peers, feeds the core its time, and brings the core's
 * events to whoever owns the source.
 */
import type { Cancel, Clock } from '../../kit/clock.ts';
import { DropCounter } from '../../kit/drop-counter.ts';
import type { Logger } from '../../kit/logger.ts';
import type {
  CoreEvents,
  CorePeer,
  CorePeerOptions,
  Downlink,
  DownlinkOptions,
  HeldTrack,
  MediaCore,
  MediaSource,
  SourceOptions,
  SrtpKeys,
} from './core/types.ts';
import type { CandidateDrop } from './relay-candidate.ts';
import type { RelaySet } from './relay-set.ts';
import type { SecureTransportFactory } from './secure-transport.ts';

/** Told about one source. Called from the packet path: must not throw. */
export interface SourceOwner {
  sourceFlowing(source: MediaSource): void;
  sourceStalled(source: MediaSource): void;
  sourceParameters(source: MediaSource): void;
}

/** Told about one downlink. Called from the core: must not throw. */
export interface DownlinkOwner {
  downlinkHeld(held: HeldTrack | undefined): void;
}

export class MediaEngine {
  readonly clock: Clock;
  readonly log: Logger;
  readonly transports: SecureTransportFactory;
  /** Remote candidates that were not taken, by reason. */
  readonly candidateDrops = new DropCounter<CandidateDrop>();
  /** Answers of clients to an offer that is over. */
  readonly answerDrops = new DropCounter<'answer-late'>();
  readonly #core: MediaCore;
  readonly #relays: () => RelaySet;
  readonly #owners = new WeakMap<MediaSource, SourceOwner>();
  readonly #downlinkOwners = new WeakMap<Downlink, DownlinkOwner>();
  #tickAtMs: number | undefined;
  #cancelTick: Cancel = () => undefined;
  #closed = false;
  #nextPeer = 1;

  constructor(options: {
    createCore: (events: CoreEvents) => MediaCore;
    transports: SecureTransportFactory;
    relays: () => RelaySet;
    clock: Clock;
    log: Logger;
  }) {
    this.clock = options.clock;
    this.log = options.log;
    this.transports = options.transports;
    this.#relays = options.relays;
    this.#core = options.createCore({
      sourceFlowing: (source) => this.#owners.get(source)?.sourceFlowing(source),
      sourceStalled: (source) => this.#owners.get(source)?.sourceStalled(source),
      sourceParameters: (source) => this.#owners.get(source)?.sourceParameters(source),
      downlinkHeld: (downlink, held) => this.#downlinkOwners.get(downlink)?.downlinkHeld(held),
    });
  }

  get relays(): RelaySet {
    return this.#relays();
  }

  addPeer(keys: SrtpKeys, ways: Pick<CorePeerOptions, 'send' | 'openOutlet'>): CorePeer {
    const id = `peer-${String(this.#nextPeer++)}`;
    const peer = this.#core.addPeer({ id, keys, ...ways }, this.clock.nowMs());
    this.schedule();
    return peer;
  }

  addSource(peer: CorePeer, options: SourceOptions, owner: SourceOwner): MediaSource {
    const source = peer.addSource(options);
    this.#owners.set(source, owner);
    return source;
  }

  addDownlink(peer: CorePeer, options: DownlinkOptions, owner: DownlinkOwner): Downlink {
    const downlink = peer.addDownlink(options);
    this.#downlinkOwners.set(downlink, owner);
    return downlink;
  }

  /** Makes sure the core's `tick` comes in time. To be called after every call into the core. */
  schedule(): void {
    const wanted = this.#closed ? undefined : this.#core.nextTickMs();
    if (wanted === undefined || (this.#tickAtMs !== undefined && this.#tickAtMs <= wanted)) return;
    this.#cancelTick();
    this.#tickAtMs = wanted;
    this.#cancelTick = this.clock.after(Math.max(0, wanted - this.clock.nowMs()), () => {
      this.#tickAtMs = undefined;
      this.#core.tick(this.clock.nowMs());
      this.schedule();
    });
  }

  drops(): Record<string, number> {
    return { ...this.#core.drops(), ...this.candidateDrops.totals(), ...this.answerDrops.totals() };
  }

  forwarded(): { packets: number; bytes: number } {
    return this.#core.totals();
  }

  /** Stops the core's clock. Legs are closed by their owners. */
  close(): void {
    this.#closed = true;
    this.#cancelTick();
  }
}
