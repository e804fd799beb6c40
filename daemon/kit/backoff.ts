/** Waiting times of retries: exponential, capped, with full jitter on the upper half. Pure. */
export type BackoffOptions = { firstMs: number; maxMs: number; factor?: number };

/**
 * The wait before retry number `attempt` (1 = first retry).
 * @param random a number in [0, 1), injected so that tests are repeatable.
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: number): number {
  const factor = options.factor ?? 2;
  const full = Math.min(options.maxMs, options.firstMs * factor ** Math.max(0, attempt - 1));
  return Math.round(full / 2 + (full / 2) * random);
}
