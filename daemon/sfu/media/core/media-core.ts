/**
 * The media core of an SFU process: SRTP in, SRTP out, nothing else. Sans-IO: the shell hands over
 * datagrams and the time, and asks after every call when `tick` is wanted next.
 */
import { DeadlineQueue } from '../../../kit/deadline-queue.ts';
import { DropCounter } from '../../../kit/drop-counter.ts';
import { InvalidStateError } from '../../../kit/errors.ts';
import type { CoreContext, DropReason, Timed } from './core-context.ts';
import { PacketScratch } from './packet-scratch.ts';
import { createSrtpCipher, type SrtpCipherFactory } from './srtp-cipher.ts';
import { Peer } from './peer.ts';
import type { CoreEvents, CorePeer, CorePeerOptions, MediaCore } from './types.ts';

/** Bound of the peer table: above what one process can serve. */
export const MAX_PEERS = 10_000;

/**
 * Creates a core.
 * @param options.random numbers in [0, 1) for SSRCs, first sequence numbers and report times.
 * @param options.createCipher another SRTP than that of `node:crypto`.
 */
export function createMediaCore(options: {
  events: CoreEvents;
  random?: () => number;
  createCipher?: SrtpCipherFactory;
}): MediaCore {
  const { events, random = Math.random, createCipher = createSrtpCipher } = options;
  return new Core(events, random, createCipher);
}

class Core implements MediaCore {
  readonly #context: CoreContext;
  readonly #peers = new Map<string, Peer>();

  constructor(events: CoreEvents, random: () => number, createCipher: SrtpCipherFactory) {
    this.#context = {
      events,
      random,
      createCipher,
      deadlines: new DeadlineQueue<Timed>(),
      drops: new DropCounter<DropReason>(),
      totals: { packets: 0, bytes: 0 },
      scratch: new PacketScratch(),
      retransmissionScratch: new PacketScratch(),
    };
  }

  /** @throws InvalidStateError on a second peer of one id or a full table; RangeError on wrong key lengths. */
  addPeer(options: CorePeerOptions): CorePeer {
    if (this.#peers.has(options.id)) throw new InvalidStateError(`Peer ${options.id} exists`);
    if (this.#peers.size >= MAX_PEERS) throw new InvalidStateError(`There are ${String(MAX_PEERS)} peers`);
    const peer = new Peer(this.#context, options, (closed) => {
      this.#peers.delete(closed.id);
    });
    this.#peers.set(options.id, peer);
    return peer;
  }

  tick(nowMs: number): void {
    const { deadlines } = this.#context;
    // Each part sets its next deadline in the future; the count only guards against one that does not.
    for (let left = deadlines.size * 2 + 16; left > 0; left -= 1) {
      const due = deadlines.takeExpired(nowMs);
      if (due === undefined) return;
      due.onDeadline(nowMs);
    }
  }

  nextTickMs(): number | undefined {
    return this.#context.deadlines.next();
  }

  drops(): Record<string, number> {
    return this.#context.drops.totals();
  }

  totals(): { packets: number; bytes: number } {
    return { ...this.#context.totals };
  }
}
