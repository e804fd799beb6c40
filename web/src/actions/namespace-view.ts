/** A namespace, its services and its operations in the console's words. Pure. */
import type { EnableWebrtc, Namespace, Operation, WebrtcStatus } from '../../../daemon/contract/api.ts';
import type { LiveData } from './live-state.ts';
import type { StateName } from './tile-facts.ts';

export type Word = { state: StateName; label: string };

/** The chip of a namespace. */
export function namespaceState(namespace: Namespace): Word {
  switch (namespace.webrtc) {
    case 'enabled':
      return { state: 'live', label: 'WebRTC on' };
    case 'disabled':
      return { state: 'idle', label: 'WebRTC off' };
    case 'enabling':
      return { state: 'connecting', label: 'Enabling WebRTC' };
    case 'disabling':
      return { state: 'connecting', label: 'Disabling WebRTC' };
    case 'degraded':
      return { state: 'degraded', label: 'Degraded' };
    case 'unknown':
      return { state: 'unknown', label: 'Unknown' };
  }
}

export function sortedNamespaces(data: LiveData): Namespace[] {
  return [...data.namespaces.values()].sort((a, b) =>
    a.name.localeCompare(b.name, undefined, { numeric: true }),
  );
}

export function camerasOf(data: LiveData, namespace: string): number {
  return [...data.devices.values()].filter((device) => device.namespace === namespace).length;
}

/** The operation that runs on it now. */
export function runningOperation(data: LiveData, namespace: Namespace): Operation | null {
  const { operationId } = namespace;
  return operationId === null ? null : (data.operations.get(operationId) ?? null);
}

/** The newest operation, when it failed: it stays on the page until the next one. */
export function failedOperation(data: LiveData, namespace: string): Operation | null {
  const newest = [...data.operations.values()]
    .filter((operation) => operation.namespace === namespace)
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt))[0];
  return newest?.state === 'failed' ? newest : null;
}

/** `WebRTC could not be enabled for klinik-west, and everything was undone.` */
export function failureTitle({ kind, namespace, steps }: Operation): string {
  const undone = steps.some(({ state }) => state === 'done') ? '' : ', and everything was undone';
  switch (kind) {
    case 'enable-webrtc':
      return `WebRTC could not be enabled for ${namespace}${undone}.`;
    case 'disable-webrtc':
      return `WebRTC could not be disabled for ${namespace}.`;
    case 'rotate-turn-secret':
      return `The TURN secret of ${namespace} could not be rotated${undone}.`;
  }
}

/** What an operation does, for people who do not see its bar. */
export function operationText({ kind, namespace }: Pick<Operation, 'kind' | 'namespace'>): string {
  switch (kind) {
    case 'enable-webrtc':
      return `Enabling WebRTC for ${namespace}`;
    case 'disable-webrtc':
      return `Disabling WebRTC for ${namespace}`;
    case 'rotate-turn-secret':
      return `Rotating the TURN secret of ${namespace}`;
  }
}

/** How far it is: steps that ended, out of all, and the words of the one that runs. */
export function progress(operation: Operation): { done: number; of: number; title: string } {
  const { steps } = operation;
  const at = steps.findIndex(({ state }) => state === 'running');
  const done = steps.filter(({ state }) => state === 'done').length;
  const step = steps[at];
  if (step === undefined) {
    const undoing = steps.some(({ state }) => state === 'undone' || state === 'failed');
    return { done, of: steps.length, title: undoing ? 'Undoing what was done' : 'Beginning' };
  }
  const label = step.label.charAt(0).toLowerCase() + step.label.slice(1);
  return { done, of: steps.length, title: `Step ${String(at + 1)} of ${String(steps.length)}: ${label}` };
}

/** `0.3 s`, `4 ms`. */
export function stepTime(durationMs: number | null): string {
  if (durationMs === null) return '';
  return durationMs < 50 ? `${String(Math.round(durationMs))} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}

type ServiceStatus = NonNullable<WebrtcStatus['turn']>;

/** A probed service in shape and word; null: it is not there. */
export function serviceWord(service: ServiceStatus | null): Word {
  if (service === null) return { state: 'offline', label: 'Off' };
  switch (service.up) {
    case 'up':
      return { state: 'live', label: 'Answers' };
    case 'down':
      return { state: 'error', label: 'Down' };
    case 'unknown':
      return { state: 'unknown', label: 'No answer' };
  }
}

/** The same enable on the command line. */
export function enableCommand(
  namespace: string,
  options: Pick<EnableWebrtc, 'turnPort' | 'turnsPort' | 'relay'>,
): string {
  const choices = [
    options.turnPort === undefined ? '' : ` \\\n  --turn-port ${String(options.turnPort)}`,
    options.turnsPort === undefined ? '' : ` \\\n  --turns-port ${String(options.turnsPort)}`,
    options.relay === 'public' ? ' \\\n  --relay public' : '',
  ];
  return `turnkeep namespace enable webrtc \\\n  --namespace ${namespace}${choices.join('')}`;
}
