/**
 * Puts the packets of one source in order and decides what to ask for again. While nothing is missing a
 * packet passes straight through; behind a gap packets are held until it is filled or given up. Requests
 * follow the measured round trip, and list, retries and waiting time are bounded. Sans-IO.
 */

/** What the window needs of a packet. */
export type Sequenced = {
  readonly sequence: number;
  readonly isKeyFrameStart: boolean;
  /** Ends a frame. */
  readonly marker: boolean;
};

/** Held packets and missing numbers never exceed these. */
export const MAX_HELD_PACKETS = 2048;
export const MAX_MISSING_PACKETS = 512;
export const MAX_REQUESTS_PER_PACKET = 10;
/** Packets that only overtook each other are not asked for. */
const REORDER_MS = 8;
/** How long a gap holds up a source that cannot be asked (no NACK negotiated). */
const HOLD_WITHOUT_REQUESTS_MS = 40;
const HOLD_MS = 1000;
const FIRST_ROUND_TRIP_MS = 60;
const MIN_INTERVAL_MS = 15;
/** With a whole key frame waiting behind the gap, this many requests are enough. */
const REQUESTS_BEFORE_KEY_FRAME = 4;

type Missing = { sinceMs: number; firstRequestMs: number; lastRequestMs: number; requests: number };
export type Verdict = 'next' | 'held' | 'late' | 'restarted';

export class ReceiveWindow<Packet extends Sequenced> {
  readonly #mayRequest: boolean;
  readonly #held = new Map<number, Packet>();
  readonly #missing = new Map<number, Missing>();
  #next = -1;
  #highest = -1;
  #roundTripMs = FIRST_ROUND_TRIP_MS;
  #recovered = 0;
  #deadlineMs: number | undefined;

  constructor(options: { mayRequest: boolean }) {
    this.#mayRequest = options.mayRequest;
  }

  /** Highest extended number seen, -1 before the first packet. */
  get highest(): number {
    return this.#highest;
  }

  /** When `service` has work; undefined while nothing is missing. */
  get deadlineMs(): number | undefined {
    return this.#deadlineMs;
  }

  /** Packets that came after they were asked for. */
  get recovered(): number {
    return this.#recovered;
  }

  /** Estimated time from a request to its answer. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  get missingCount(): number {
    return this.#missing.size;
  }

  /**
   * Takes a packet that is no duplicate.
   * @returns `next`: release it now, then drain `take`. `held`: it waits. `late`: its place was given up.
   * `restarted`: the jump was too far; what was held is gone and it is the new start: release it.
   */
  offer(packet: Packet, nowMs: number): Verdict {
    const { sequence } = packet;
    if (this.#next === -1) {
      this.#next = sequence + 1;
      this.#highest = sequence;
      return 'next';
    }
    if (sequence < this.#next) return 'late';
    const gap = sequence - this.#highest - 1;
    if (sequence - this.#next >= MAX_HELD_PACKETS || this.#missing.size + gap > MAX_MISSING_PACKETS) {
      this.#held.clear();
      this.#missing.clear();
      this.#deadlineMs = undefined;
      this.#next = sequence + 1;
      this.#highest = sequence;
      return 'restarted';
    }
    for (let number = this.#highest + 1; number < sequence; number += 1) {
      this.#missing.set(number, { sinceMs: nowMs, firstRequestMs: 0, lastRequestMs: 0, requests: 0 });
    }
    if (gap > 0) this.#wakeAt(nowMs + (this.#mayRequest ? REORDER_MS : HOLD_WITHOUT_REQUESTS_MS));
    if (sequence > this.#highest) this.#highest = sequence;
    else this.#found(sequence, nowMs);
    if (sequence === this.#next) {
      this.#next += 1;
      return 'next';
    }
    this.#held.set(sequence, packet);
    return 'held';
  }

  /** The next held packet whose turn it is, or undefined. */
  take(): Packet | undefined {
    if (this.#held.size === 0) return undefined;
    const packet = this.#held.get(this.#next);
    if (packet === undefined) return undefined;
    this.#held.delete(this.#next);
    this.#next += 1;
    return packet;
  }

  /**
   * Gives up the gap at the front when it will not be filled: call it when the deadline passed, drain
   * `take`, and repeat until it returns 0.
   * @returns how many packets are lost for good.
   */
  giveUp(nowMs: number): number {
    const missing = this.#missing.get(this.#next);
    if (missing === undefined) return 0;
    const keyFrame = missing.requests >= REQUESTS_BEFORE_KEY_FRAME ? this.#newestHeldKeyFrame() : undefined;
    if (keyFrame === undefined && !this.#isHopeless(missing, nowMs)) return 0;
    return this.#skipTo(keyFrame ?? Math.min(...this.#held.keys(), this.#highest + 1));
  }

  /** The numbers to ask for now, ascending. Sets the next deadline. */
  takeRequests(nowMs: number): number[] {
    const requests: number[] = [];
    this.#deadlineMs = undefined;
    for (const [number, missing] of this.#missing) {
      if (this.#mayRequest && nowMs >= this.#dueMs(missing) && missing.requests < MAX_REQUESTS_PER_PACKET) {
        requests.push(number);
        if (missing.requests === 0) missing.firstRequestMs = nowMs;
        missing.lastRequestMs = nowMs;
        missing.requests += 1;
      }
      const endMs = missing.sinceMs + this.#holdMs;
      this.#wakeAt(Math.max(nowMs + 1, this.#mayRequest ? Math.min(this.#dueMs(missing), endMs) : endMs));
    }
    return requests.sort((a, b) => a - b);
  }

  get #holdMs(): number {
    return this.#mayRequest ? HOLD_MS : HOLD_WITHOUT_REQUESTS_MS;
  }

  get #intervalMs(): number {
    return Math.max(MIN_INTERVAL_MS, this.#roundTripMs * 1.1 + 5);
  }

  #dueMs(missing: Missing): number {
    return missing.requests === 0 ? missing.sinceMs + REORDER_MS : missing.lastRequestMs + this.#intervalMs;
  }

  #found(number: number, nowMs: number): void {
    const missing = this.#missing.get(number);
    if (missing === undefined) return;
    this.#missing.delete(number);
    if (this.#missing.size === 0) this.#deadlineMs = undefined;
    if (missing.requests === 0) return;
    this.#recovered += 1;
    // Answers to later requests cannot be told from answers to earlier ones (Karn): use the early ones.
    if (missing.requests <= 2) {
      const sampleMs = Math.min(500, nowMs - missing.firstRequestMs);
      this.#roundTripMs += (sampleMs - this.#roundTripMs) / 8;
    }
  }

  #isHopeless(missing: Missing, nowMs: number): boolean {
    if (nowMs - missing.sinceMs >= this.#holdMs) return true;
    return missing.requests >= MAX_REQUESTS_PER_PACKET && nowMs >= this.#dueMs(missing);
  }

  /** Start of the newest key frame that is here with all its packets. */
  #newestHeldKeyFrame(): number | undefined {
    let newest: number | undefined;
    for (const packet of this.#held.values()) {
      if (!packet.isKeyFrameStart || (newest !== undefined && packet.sequence < newest)) continue;
      let one: Packet | undefined = packet;
      while (one !== undefined && !one.marker) one = this.#held.get(one.sequence + 1);
      if (one !== undefined) newest = packet.sequence;
    }
    return newest;
  }

  #skipTo(sequence: number): number {
    let lost = 0;
    for (let number = this.#next; number < sequence; number += 1) {
      this.#held.delete(number);
      if (this.#missing.delete(number)) lost += 1;
    }
    this.#next = sequence;
    if (this.#missing.size === 0) this.#deadlineMs = undefined;
    return lost;
  }

  #wakeAt(atMs: number): void {
    if (this.#deadlineMs === undefined || atMs < this.#deadlineMs) this.#deadlineMs = atMs;
  }
}
