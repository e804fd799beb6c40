/**
 * One direction of a data connection (RFC 6062): what one socket reads the other writes, as it is. Holds at
 * most one chunk beside the buffers of the two sockets: while the reader is slow, or a rate is used up, nothing
 * is read, so that TCP slows the sender down.
 */
import type { Socket } from 'node:net';
import type { Cancel, Clock } from '../../../kit/clock.ts';
import type { TrafficMeter } from '../../core/traffic-meter.ts';

/** A rate may have been raised meanwhile. */
const MAX_HOLD_MS = 1000;

export class DataFlow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #clock: Clock;
  readonly #meter: () => TrafficMeter | undefined;
  readonly #onBytes: (count: number) => void;
  #cancelHold: Cancel | undefined;
  /** Called for at the end, which came while a chunk was held. */
  #ending: (() => void)[] | undefined;

  /**
   * Starts. The end of one socket's data is the end of the other's.
   * @param options.meter asked for every chunk; `onBytes` counts what goes on.
   */
  constructor(options: {
    from: Socket;
    to: Socket;
    clock: Clock;
    meter: () => TrafficMeter | undefined;
    onBytes: (count: number) => void;
  }) {
    this.#from = options.from;
    this.#to = options.to;
    this.#clock = options.clock;
    this.#meter = options.meter;
    this.#onBytes = options.onBytes;
    this.#from.on('data', (chunk: Buffer) => {
      this.#forward(chunk);
    });
    // A socket that is paused ends all the same when it has nothing left to read.
    this.#from.on('end', () => {
      this.end();
    });
    this.#to.on('drain', () => {
      if (this.#cancelHold === undefined) this.#from.resume();
    });
    this.#from.resume();
  }

  get into(): Socket {
    return this.#to;
  }

  /** Ends the reader's socket after what is held, and calls back when it has been written. */
  end(onWritten?: () => void): void {
    if (this.#cancelHold === undefined) this.#to.end(onWritten);
    else (this.#ending ??= []).push(onWritten ?? ((): void => undefined));
  }

  /** What is held is thrown away; the sockets are the owner's. */
  stop(): void {
    this.#cancelHold?.();
  }

  /** @returns false when the chunk is held. */
  #forward(chunk: Buffer): boolean {
    const delayMs = this.#meter()?.delayMs(chunk.length) ?? 0;
    if (delayMs > 0) {
      this.#from.pause();
      this.#cancelHold = this.#clock.after(Math.min(delayMs, MAX_HOLD_MS), () => {
        this.#cancelHold = undefined;
        if (this.#forward(chunk)) this.#goOn();
      });
      return false;
    }
    if (!this.#to.writable) return true;
    this.#onBytes(chunk.length);
    if (!this.#to.write(chunk)) this.#from.pause();
    return true;
  }

  /** After a hold. */
  #goOn(): void {
    for (const onWritten of this.#ending ?? []) this.#to.end(onWritten);
    if (!this.#to.writableNeedDrain) this.#from.resume();
  }
}
