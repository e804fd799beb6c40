/** Time as a dependency: shells get `systemClock`, tests a clock that stands still. */

export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Calls `fn` once after `delayMs`. The returned function cancels it; calling that late is harmless. */
  after(delayMs: number, fn: () => void): Cancel;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};
