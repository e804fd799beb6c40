/** How long this node waits for its services, in milliseconds. */

export type NamespaceTimes = {
  readyTimeoutMs: number;
  proofTimeoutMs: number;
  drainDeadlineMs: number;
  /** Time limit of one live probe. */
  probeTimeoutMs: number;
  /** Time limit of a service that reads its file again. */
  reloadTimeoutMs: number;
  /** How long the start of the daemon waits for services that do not come up. */
  bootReadyTimeoutMs: number;
};

export const DEFAULT_NAMESPACE_TIMES: NamespaceTimes = {
  readyTimeoutMs: 30_000,
  proofTimeoutMs: 15_000,
  drainDeadlineMs: 5000,
  probeTimeoutMs: 2000,
  reloadTimeoutMs: 5000,
  bootReadyTimeoutMs: 10_000,
};
