/** Round trips through a relay: a row of numbered requests, each answered or lost. */

/** Between two requests: the path is measured, not loaded. */
const INTERVAL_MS = 20;
const ANSWER_TIMEOUT_MS = 1000;

export type EchoResult = {
  sent: number;
  lost: number;
  /** Null when nothing came back. */
  rttMs: { min: number; average: number; max: number } | null;
};

/**
 * Sends `count` requests, none of them twice: what is not back in a second is lost.
 * @param send sends one. @returns tells its answer from all other frames.
 * @param listen gets every frame until the end.
 */
export async function echoes(options: {
  count: number;
  send: () => (frame: Buffer) => boolean;
  listen: (onFrame: (frame: Buffer) => void) => void;
  signal: AbortSignal;
}): Promise<EchoResult> {
  const { count, send, listen, signal } = options;
  const waiting = new Map<number, { isAnswer: (frame: Buffer) => boolean; sentMs: number }>();
  const times: number[] = [];
  let done = (): void => undefined;
  listen((frame) => {
    for (const [number, { isAnswer, sentMs }] of waiting) {
      if (!isAnswer(frame)) continue;
      waiting.delete(number);
      times.push(performance.now() - sentMs);
      if (times.length === count) done();
      return;
    }
  });
  for (let number = 0; number < count && !signal.aborted; number += 1) {
    const sentMs = performance.now();
    waiting.set(number, { isAnswer: send(), sentMs });
    await within(INTERVAL_MS, signal);
  }
  if (times.length < count && !signal.aborted) {
    await within(ANSWER_TIMEOUT_MS, signal, (end) => {
      done = end;
    });
  }
  listen(() => undefined);
  return { sent: count, lost: count - times.length, rttMs: summary(times) };
}

function summary(times: readonly number[]): EchoResult['rttMs'] {
  if (times.length === 0) return null;
  const rounded = (ms: number): number => Math.round(ms * 100) / 100;
  return {
    min: rounded(Math.min(...times)),
    average: rounded(times.reduce((sum, one) => sum + one, 0) / times.length),
    max: rounded(Math.max(...times)),
  };
}

function within(ms: number, signal: AbortSignal, early?: (end: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    early?.(end);
  });
}
