/**
 * The node's budget of TURN, divided among its namespaces. A TURN service knows only itself and goes on
 * without the daemon, so it gets a share of its own that nobody has to grant it packet by packet: equal
 * shares, whose sum never passes the budget. Pure.
 */
import type { TurnServiceLimits } from '../contract/turn-limits.ts';

const HELD = ['allocationsOfNode', 'permissionsOfNode', 'channelsOfNode', 'dataConnectionsOfNode'] as const;
const RATES = ['bytesPerSecondOfNode', 'packetsPerSecondOfNode'] as const;

/** @param sharers how many namespaces there are. A budget below that still gives each of them one. */
export function shareOfNode(limits: TurnServiceLimits, sharers: number): TurnServiceLimits {
  const shareOf = (budget: number): number => Math.max(1, Math.floor(budget / Math.max(1, sharers)));
  const shared = { ...limits };
  for (const name of HELD) shared[name] = shareOf(limits[name]);
  for (const name of RATES) {
    const budget = limits[name];
    if (budget !== null) shared[name] = shareOf(budget);
  }
  return shared;
}
