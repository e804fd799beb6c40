/** The map of ports in the console's words. Pure. */
import type { PortBlocks } from '../../../daemon/contract/api.ts';
import type { PortMap } from '../../../daemon/contract/diagnosis.ts';
import type { StateName } from './tile-facts.ts';

type Range = PortMap['ranges'][number];
type Role = Range['role'];
type Owner = PortMap['namespaces'][number];

/** `3 of 20`, of blocks. */
export function takenText({ blocks, free }: Range): string {
  return `${String(blocks - free)} of ${String(blocks)}`;
}

/** `20000–20499`, `3478`. */
export function blockText(ports: PortBlocks, role: Role): string {
  const block = ports[role];
  return typeof block === 'number' ? String(block) : `${String(block.minPort)}–${String(block.maxPort)}`;
}

/** Of the two public ports: which transports listen. Null for ports that nobody outside dials. */
export function listenerState(owner: Owner, role: Role): { state: StateName; label: string } | null {
  if (role !== 'turn' && role !== 'turns') return null;
  const own = owner.listeners.filter(({ port }) => port === owner.ports[role]);
  if (own.length === 0) return { state: 'unknown', label: 'no answer' };
  const names = (open: boolean): string =>
    [...new Set(own.filter((one) => one.open === open).map(({ transport }) => transport))].join(', ');
  const closed = names(false);
  return closed === ''
    ? { state: 'idle', label: names(true) }
    : { state: 'error', label: `${closed} not open` };
}
