/** The names of a service's systemd units (systemd.unit(5), "String Escaping for Inclusion in Unit Names"). */
import type { ServiceRef } from '../../namespaces/system.ts';

/** A namespace name as an instance: `-` separates slices, so it is escaped. */
function instanceOf(namespace: string): string {
  return namespace.replaceAll('-', '\\x2d');
}

/** `turnkeep-turn@cam\x2done.service` */
export function unitOf(service: ServiceRef): string {
  return `turnkeep-${service.kind}@${instanceOf(service.namespace)}.service`;
}

/** Lifts both kinds of a mask; whoever set it may not say which. */
export function unmaskCommand(unit: string): string {
  return `systemctl unmask '${unit}'; systemctl unmask --runtime '${unit}'`;
}

/** The slice of one namespace, below `turnkeep.slice`: its memory, tasks and CPU. */
export function sliceOf(namespace: string): string {
  return `turnkeep-${instanceOf(namespace)}.slice`;
}
