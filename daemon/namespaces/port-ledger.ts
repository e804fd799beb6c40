/**
 * The port ledger: which blocks of ports a namespace owns on a node. First fit on a grid, so two blocks of
 * one kind are the same or disjoint; the kinds have disjoint ranges (`portPlanProblems`). Pure: the claims
 * come in, the new claim goes out; what the operating system holds is told as `busy`.
 */
import type { PortBlocks } from '../contract/api.ts';
import type { DaemonConfig } from '../contract/daemon-config.ts';
import { AppError } from '../contract/errors.ts';
import type { PortRange } from '../contract/names.ts';
import type { PortClaim } from './system.ts';

/** A range that is cut into blocks of `size` ports; a rest smaller than a block is not used. */
export type PortGrid = PortRange & { size: number };
/** Listener ports: the first of the range, then every `step` ports. */
export type ListenerPorts = PortRange & { step: number };
export type PortPlan = {
  sfuSignaling: PortGrid;
  sfuMedia: PortGrid;
  turnRelay: PortGrid;
  turn: ListenerPorts;
  turns: ListenerPorts;
};

export const DEFAULT_PORT_PLAN: PortPlan = {
  sfuSignaling: { minPort: 30000, maxPort: 30099, size: 1 },
  sfuMedia: { minPort: 20000, maxPort: 29999, size: 500 },
  turnRelay: { minPort: 49152, maxPort: 65535, size: 800 },
  turn: { minPort: 3478, maxPort: 3678, step: 2 },
  turns: { minPort: 5349, maxPort: 5549, step: 2 },
};

/** Listeners are two apart, as 3478 and 3480: the odd port stays free for an alternate server. */
const LISTENER_STEP = 2;

/** The plan of a configuration file. */
export function portPlanOf(ports: DaemonConfig['ports']): PortPlan {
  return {
    sfuSignaling: { ...ports.sfuSignaling, size: 1 },
    sfuMedia: { ...ports.sfuMedia, size: ports.sfuMediaPerNamespace },
    turnRelay: { ...ports.turnRelay, size: ports.turnRelayPerNamespace },
    turn: { ...ports.turn, step: LISTENER_STEP },
    turns: { ...ports.turns, step: LISTENER_STEP },
  };
}

/** What a namespace gets a block of, as users read it. */
export const PORT_ROLE_TITLES = {
  sfuSignaling: 'SFU signaling port',
  sfuMedia: 'SFU media block',
  turnRelay: 'TURN relay block',
  turn: 'TURN port',
  turns: 'TURNS port',
} as const;
export type PortRole = keyof typeof PORT_ROLE_TITLES;

/** Start ports, by role, that somebody outside the ledger holds. */
export type BusyPorts = ReadonlyMap<PortRole, ReadonlySet<number>>;

export type ClaimRequest = {
  node: string;
  namespace: string;
  /** The operator's choice instead of the first free one. */
  turnPort?: number | undefined;
  turnsPort?: number | undefined;
};

/**
 * Finds the blocks of a namespace on a node. Asked again, it answers the claim that is there.
 * Throws AppError `ports_exhausted` (details: role and how many the range holds) when no block is free, and
 * `port_taken` when the chosen listener port is not free, or is chosen for both.
 */
export function claimPorts(
  claims: readonly PortClaim[],
  plan: PortPlan,
  request: ClaimRequest,
  busy: BusyPorts = new Map(),
): PortClaim {
  const { node, namespace } = request;
  const onNode = claims.filter((claim) => claim.node === node);
  const own = onNode.find((claim) => claim.namespace === namespace);
  if (own !== undefined) return own;
  const isFree = (role: PortRole, block: PortRange): boolean =>
    busy.get(role)?.has(block.minPort) !== true &&
    !onNode.some((claim) => claimRanges(claim.blocks).some((held) => overlap(held, block)));
  const sfuSignaling = firstFree('sfuSignaling', gridBlocks(plan.sfuSignaling), isFree);
  const sfuMedia = firstFree('sfuMedia', gridBlocks(plan.sfuMedia), isFree);
  const turnRelay = firstFree('turnRelay', gridBlocks(plan.turnRelay), isFree);
  if (request.turnPort !== undefined && request.turnPort === request.turnsPort) {
    throw new AppError(
      'port_taken',
      `TURN and TURNS cannot share the port ${String(request.turnPort)}. Choose another one for one of them.`,
      { details: { role: 'turns', port: request.turnPort } },
    );
  }
  const turn = listener('turn', plan, request.turnPort, isFree);
  const turns = listener('turns', plan, request.turnsPort, (role, block) => {
    return block.minPort !== turn && isFree(role, block);
  });
  return {
    node,
    namespace,
    blocks: { sfuSignaling: sfuSignaling.minPort, sfuMedia, turnRelay, turn, turns },
  };
}

/** How many namespaces fit on one node. */
export function planCapacity(plan: PortPlan): number {
  return Math.min(
    ...[plan.sfuSignaling, plan.sfuMedia, plan.turnRelay].map((grid) => gridBlocks(grid).length),
    ...[plan.turn, plan.turns].map((ports) => listenerPorts(ports).length),
  );
}

/** Every block a range can be cut into, first to last. */
export function planBlocks(plan: PortPlan, role: PortRole): PortRange[] {
  return role === 'turn' || role === 'turns' ? listenerPorts(plan[role]) : gridBlocks(plan[role]);
}

/** Every range of a claim, for checks of overlap. */
export function claimRanges(blocks: PortBlocks): PortRange[] {
  const single = (port: number): PortRange => ({ minPort: port, maxPort: port });
  return [
    single(blocks.sfuSignaling),
    blocks.sfuMedia,
    blocks.turnRelay,
    single(blocks.turn),
    single(blocks.turns),
  ];
}

/** Everything that is wrong with a plan, one sentence each; empty when it is sound. */
export function portPlanProblems(plan: PortPlan): string[] {
  const problems: string[] = [];
  const ranges: { title: string; range: PortRange }[] = [];
  for (const role of ['sfuSignaling', 'sfuMedia', 'turnRelay'] as const) {
    const grid = plan[role];
    ranges.push({ title: PORT_ROLE_TITLES[role], range: grid });
    if (!isPort(grid.minPort) || !isPort(grid.maxPort)) {
      problems.push(`${role}: ports are whole numbers from 1 to 65535`);
    } else if (!Number.isInteger(grid.size) || grid.size < 1 || gridBlocks(grid).length === 0) {
      problems.push(`${role}: the range holds no block of ${String(grid.size)} ports`);
    }
  }
  for (const role of ['turn', 'turns'] as const) {
    const { minPort, maxPort, step } = plan[role];
    ranges.push({ title: PORT_ROLE_TITLES[role], range: plan[role] });
    if (!isPort(minPort) || !isPort(maxPort) || minPort > maxPort || !Number.isInteger(step) || step < 1) {
      problems.push(`${role}: the ports do not lie between 1 and 65535`);
    }
  }
  ranges.forEach((a, at) => {
    for (const b of ranges.slice(at + 1)) {
      if (overlap(a.range, b.range)) problems.push(`the ranges of ${a.title} and ${b.title} overlap`);
    }
  });
  return problems;
}

function firstFree(
  role: PortRole,
  blocks: PortRange[],
  isFree: (role: PortRole, block: PortRange) => boolean,
): PortRange {
  const found = blocks.find((block) => isFree(role, block));
  if (found !== undefined) return found;
  const count = blocks.length;
  throw new AppError(
    'ports_exhausted',
    `No ${PORT_ROLE_TITLES[role]} is free: all ${String(count)} of the configured range are in use. Widen the range or disable WebRTC for another namespace.`,
    { details: { role, count } },
  );
}

function listener(
  role: 'turn' | 'turns',
  plan: PortPlan,
  chosen: number | undefined,
  isFree: (role: PortRole, block: PortRange) => boolean,
): number {
  if (chosen === undefined) {
    return firstFree(role, listenerPorts(plan[role]), isFree).minPort;
  }
  const block = { minPort: chosen, maxPort: chosen };
  const reserved = [plan.sfuSignaling, plan.sfuMedia, plan.turnRelay].some((grid) => overlap(grid, block));
  if (reserved || !isFree(role, block)) {
    const why = reserved ? 'lies in a range that is kept for SFU or relay ports' : 'belongs to a namespace';
    throw new AppError(
      'port_taken',
      `The ${PORT_ROLE_TITLES[role]} ${String(chosen)} ${why}. Choose another one.`,
      {
        details: { role, port: chosen },
      },
    );
  }
  return chosen;
}

function gridBlocks(grid: PortGrid): PortRange[] {
  const count = Math.max(0, Math.floor((grid.maxPort - grid.minPort + 1) / grid.size));
  return Array.from({ length: count }, (_, at) => {
    const minPort = grid.minPort + at * grid.size;
    return { minPort, maxPort: minPort + grid.size - 1 };
  });
}

function listenerPorts(ports: ListenerPorts): PortRange[] {
  const count = Math.max(0, Math.floor((ports.maxPort - ports.minPort) / ports.step) + 1);
  return Array.from({ length: count }, (_, at) => {
    const port = ports.minPort + at * ports.step;
    return { minPort: port, maxPort: port };
  });
}

export function overlap(a: PortRange, b: PortRange): boolean {
  return a.minPort <= b.maxPort && b.minPort <= a.maxPort;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}
