/** When the next certificate is ordered. Pure. */
import { backoffMs } from '../../kit/backoff.ts';

/** Authorities bound failures by the hour: 1, 3, 9, 27 minutes, then further apart up to twice a day. */
const RETRY = { firstMs: 120_000, maxMs: 24 * 3_600_000, factor: 3 };
/** Of the lifetime. Hosts that were set up together do not order together. */
const JITTER = 1 / 30;

/**
 * With a third of its lifetime left, or up to a thirtieth of it earlier: 30 days of 90, two of six.
 * @param random in [0, 1), the same for as long as the certificate is the same.
 */
export function renewalAtMs(
  certificate: { notBeforeMs: number; notAfterMs: number },
  random: number,
): number {
  const lifetimeMs = certificate.notAfterMs - certificate.notBeforeMs;
  return Math.round(certificate.notAfterMs - lifetimeMs / 3 - lifetimeMs * JITTER * random);
}

/** How long after failure number `failures` (1 = the first) it is tried again. */
export function retryMs(failures: number, random: number): number {
  return backoffMs(failures, RETRY, random);
}
