/**
 * The recovery ladder of one picture that stopped: ask a key frame, restart ICE, begin a new session. Pure.
 * The two upper rungs touch every picture of the connection, so they are climbed only when none of them flows.
 */
export type Rung = 'key-frame' | 'ice-restart' | 'new-session';

export type Recovery = {
  rung: Rung;
  /** Steps taken since the picture stopped, this one included. */
  attempt: number;
  takenAtMs: number;
  nextAtMs: number;
};

export type RecoveryInput = {
  nowMs: number;
  /** When the last frame was shown, or when waiting began if there was none. */
  lastFrameAtMs: number;
  /** Another picture of the same connection flows: the connection is sound. */
  othersFlow: boolean;
  /** The server says the camera itself sends nothing: no step of ours can help. */
  sourceAway: boolean;
  /** A frame can be sent now. */
  signalingOpen: boolean;
};

export const STALL_MS = 2000;
const RESTART_AFTER_MS = 2500;
const NEW_SESSION_AFTER_MS = 5000;
const MAX_WAIT_MS = 20_000;

/** @returns the ladder's state, null while frames flow, and the step to take now, if any. */
export function climb(
  current: Recovery | null,
  input: RecoveryInput,
): { recovery: Recovery | null; step: Rung | null } {
  const { nowMs } = input;
  if (nowMs - input.lastFrameAtMs < STALL_MS || input.sourceAway) return { recovery: null, step: null };
  if ((current && nowMs < current.nextAtMs) || !input.signalingOpen) return { recovery: current, step: null };

  const attempt = (current?.attempt ?? 0) + 1;
  const rung = nextRung(current?.rung, input.othersFlow);
  const recovery: Recovery = {
    rung,
    attempt,
    takenAtMs: nowMs,
    nextAtMs: nowMs + waitAfterMs(rung, attempt),
  };
  return { recovery, step: rung };
}

function nextRung(rung: Rung | undefined, othersFlow: boolean): Rung {
  if (rung === undefined || othersFlow) return 'key-frame';
  return rung === 'key-frame' ? 'ice-restart' : 'new-session';
}

function waitAfterMs(rung: Rung, attempt: number): number {
  if (rung === 'ice-restart') return NEW_SESSION_AFTER_MS;
  // The first new session is the third step at the earliest: 5 s, as 2.5 s doubled once.
  const doublings = rung === 'key-frame' ? attempt - 1 : Math.max(1, attempt - 2);
  return Math.min(MAX_WAIT_MS, RESTART_AFTER_MS * 2 ** doublings);
}

export type PublishRung = 'ice-restart' | 'new-connection' | 'new-session';

/** The ladder of what we send. @param repairs steps taken since it was connected last. */
export function publishRepair(repairs: number): PublishRung {
  if (repairs === 0) return 'ice-restart';
  // A session is shared with everything that is watched: it goes after two connections, and not at each step.
  return repairs % 3 === 0 ? 'new-session' : 'new-connection';
}
