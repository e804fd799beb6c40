/** The ledger as a map: what the ranges hold, whose the blocks are, how many namespaces still fit. Pure. */
import type { PortMap } from '../contract/diagnosis.ts';
import { claimRanges, overlap, planBlocks, PORT_ROLE_TITLES, type PortPlan } from './port-ledger.ts';
import type { PortClaim } from './system.ts';

const ROLES = ['sfuSignaling', 'sfuMedia', 'turnRelay', 'turn', 'turns'] as const;

/** @param claims of one node. `listeners` are filled in by who asks the services. */
export function portMap(claims: readonly PortClaim[], plan: PortPlan): PortMap {
  const held = claims.flatMap(({ blocks }) => claimRanges(blocks));
  const ranges = ROLES.map((role) => {
    const blocks = planBlocks(plan, role);
    const grid = plan[role];
    return {
      role,
      title: PORT_ROLE_TITLES[role],
      minPort: grid.minPort,
      maxPort: grid.maxPort,
      size: 'size' in grid ? grid.size : 1,
      blocks: blocks.length,
      free: blocks.filter((block) => !held.some((range) => overlap(range, block))).length,
    };
  });
  return {
    ranges,
    freePlaces: Math.min(...ranges.map(({ free }) => free)),
    namespaces: claims.map(({ namespace, blocks }) => ({ namespace, ports: blocks, listeners: [] })),
  };
}
