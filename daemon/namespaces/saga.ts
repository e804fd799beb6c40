/** The steps of the operations, and the rules of running, undoing and resuming them. Pure. */
import type { OperationKind, StepRecord } from './system.ts';

export const ENABLE_PLAN = [
  { id: 'make-secrets', label: 'Make the secrets' },
  { id: 'write-config', label: 'Write the configuration to the database' },
  { id: 'claim-ports', label: 'Reserve the port blocks' },
  { id: 'render-configs', label: 'Write the configurations of the services' },
  { id: 'start-turn', label: 'Start the TURN service' },
  { id: 'await-turn', label: 'Wait for the TURN service' },
  { id: 'start-sfu', label: 'Start the SFU service' },
  { id: 'await-sfu', label: 'Wait for the SFU service' },
  { id: 'open-firewall', label: 'Open the ports in the firewall' },
  { id: 'publish-dns', label: 'Set the DNS records' },
  { id: 'save-state', label: 'Write the state file' },
  { id: 'prove-relay', label: 'Prove the relay with a real allocation' },
  { id: 'mark-enabled', label: 'Mark WebRTC as enabled' },
] as const;
export type EnableStepId = (typeof ENABLE_PLAN)[number]['id'];

export const DISABLE_PLAN = [
  { id: 'mark-disabling', label: 'Mark WebRTC as disabled' },
  { id: 'drain-services', label: 'Drain the services' },
  { id: 'stop-sfu', label: 'Stop the SFU service' },
  { id: 'stop-turn', label: 'Stop the TURN service' },
  { id: 'close-firewall', label: 'Close the ports in the firewall' },
  { id: 'withdraw-dns', label: 'Remove the DNS records' },
  { id: 'remove-configs', label: 'Remove the configurations of the services' },
  { id: 'release-ports', label: 'Release the port blocks' },
  { id: 'delete-config', label: 'Delete the configuration from the database' },
  { id: 'save-state', label: 'Write the state file' },
] as const;
export type DisableStepId = (typeof DISABLE_PLAN)[number]['id'];

/** The new secret is accepted before it issues, and the older one as long as what it issued. */
export const ROTATE_PLAN = [
  { id: 'make-secret', label: 'Make the new secret' },
  { id: 'accept-secret', label: 'Let the TURN service accept the new secret' },
  { id: 'issue-secret', label: 'Issue credentials with the new secret' },
  { id: 'tell-sfu', label: 'Tell the SFU service' },
  { id: 'drop-older', label: 'Refuse the older secrets' },
] as const;
export type RotateStepId = (typeof ROTATE_PLAN)[number]['id'];

const PLANS: Record<OperationKind, readonly { id: string; label: string }[]> = {
  'enable-webrtc': ENABLE_PLAN,
  'disable-webrtc': DISABLE_PLAN,
  'rotate-turn-secret': ROTATE_PLAN,
};

/** The steps of an operation, as a dry run prints them. */
export function planOf(kind: OperationKind): { id: string; label: string }[] {
  return PLANS[kind].map((step) => ({ ...step }));
}

/** Journal entries of an operation that has not begun, without the steps of `leftOut`. */
export function pendingSteps(kind: OperationKind, leftOut: readonly string[] = []): StepRecord[] {
  return planOf(kind)
    .filter(({ id }) => !leftOut.includes(id))
    .map((step) => ({ ...step, state: 'pending', durationMs: null, note: null }));
}

/** The first step that is not done; a step that was running is run again. Undefined: all are done. */
export function nextStep(steps: readonly StepRecord[]): StepRecord | undefined {
  return steps.find((step) => step.state !== 'done');
}

/** The steps that may have left something behind, last first: what is begun counts like what is done. */
export function undoOrder(steps: readonly StepRecord[]): StepRecord[] {
  return steps
    .filter((step) => step.state === 'done' || step.state === 'running' || step.state === 'failed')
    .reverse();
}

/**
 * What becomes of an operation that a crash cut off: a disable is finished, and a rotation unless it was being
 * taken back; an enable is taken back, unless every step was done and only the end was not written.
 */
export function resumeDirection(kind: OperationKind, steps: readonly StepRecord[]): 'forward' | 'backward' {
  if (kind === 'disable-webrtc') return 'forward';
  const rollingBack = steps.some((step) => step.state === 'failed' || step.state === 'undone');
  if (rollingBack) return 'backward';
  return kind === 'rotate-turn-secret' || nextStep(steps) === undefined ? 'forward' : 'backward';
}
