/** One open data channel of a session: what waits to be sent on it, in order, with a bound on its time. Pure. */
import type { ChannelOpen } from './channel-protocol.ts';

/** Where a channel says that late messages may be left out, but not how late. */
const LOSSY_LIFETIME_MS = 250;

type Waiting = { bytes: Buffer; expiresAtMs: number };

export class Lane {
  readonly stream: number;
  readonly label: string;
  readonly ordered: boolean;
  readonly reliable: boolean;
  readonly #lifetimeMs: number;
  readonly #waiting: Waiting[] = [];

  constructor(stream: number, open: ChannelOpen) {
    this.stream = stream;
    this.label = open.label;
    this.ordered = open.ordered;
    this.reliable = open.reliable;
    this.#lifetimeMs = open.reliable ? Infinity : (open.lifetimeMs ?? LOSSY_LIFETIME_MS);
  }

  push(bytes: Buffer, nowMs: number): void {
    this.#waiting.push({ bytes, expiresAtMs: nowMs + this.#lifetimeMs });
  }

  /** The next message. `late`: its time is over. */
  shift(nowMs: number): { bytes: Buffer; late: boolean } | undefined {
    const next = this.#waiting.shift();
    return next === undefined ? undefined : { bytes: next.bytes, late: next.expiresAtMs < nowMs };
  }

  /** Forgets what waits. @returns how many bytes that were. */
  clear(): number {
    return this.#waiting.splice(0).reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
}
