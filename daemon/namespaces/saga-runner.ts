/**
 * Runs the steps of one operation: journaled before and after each, rolled back on failure. It changes
 * nothing itself; the steps do.
 */
import { AppError, type ErrorCode } from '../contract/errors.ts';
import type { Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import { nextStep, undoOrder } from './saga.ts';
import type { NamespaceStore, OperationRecord, StepRecord } from './system.ts';

/** `run` answers a note for the journal. Both must be harmless when repeated, or when nothing was done. */
export type SagaStep = {
  run(): Promise<string | undefined> | string | undefined;
  undo?(): Promise<void> | void;
};
export type SagaSteps = Readonly<Record<string, SagaStep | undefined>>;

export type SagaOptions = {
  /** Mutated as the steps go; a copy is told to `onProgress`. */
  operation: OperationRecord;
  steps: SagaSteps;
  direction: 'forward' | 'backward';
  store: Pick<NamespaceStore, 'updateStep' | 'finishOperation'>;
  clock: Clock;
  log: Logger;
  /** The daemon stops: the operation is left as it is and resumed by the next start. */
  signal: AbortSignal;
  onProgress: (operation: OperationRecord) => void;
};

/** What to do when an operation could not be taken back. */
const REMEDY = {
  'enable-webrtc': 'Disable WebRTC for the namespace to try again.',
  'disable-webrtc': 'Disable WebRTC once more.',
  'rotate-turn-secret': 'Rotate the secret once more.',
} as const;

type Failure = { code: string; message: string };

/** Resolves when the operation has ended (see its `state`) or when the daemon stops; never rejects. */
export async function runSaga(options: SagaOptions): Promise<void> {
  const { operation, log } = options;
  let failure = options.direction === 'forward' ? await runForward(options) : interruption(operation);
  if (isStopping(options)) return;
  if (failure !== null && operation.kind !== 'disable-webrtc') {
    const stuck = await rollBack(options);
    if (isStopping(options)) return;
    if (stuck !== undefined) {
      failure = {
        ...failure,
        message: `${failure.message} The roll back stopped: ${stuck} ${REMEDY[operation.kind]}`,
      };
    }
  }
  operation.state = failure === null ? 'succeeded' : 'failed';
  operation.endedAtMs = options.clock.nowMs();
  operation.error = failure;
  try {
    const { state, endedAtMs } = operation;
    options.store.finishOperation(operation.id, { state, endedAtMs, error: failure });
  } catch (error) {
    // The next start finds it running and ends it once more, which is harmless.
    log.error({ err: error, operation: operation.id }, 'end of operation not written');
  }
  const { namespace, kind, state } = operation;
  log.info({ namespace, kind, state, failure: failure?.message }, 'operation ended');
  options.onProgress(structuredClone(operation));
}

/** Why an operation is taken back that this process did not begin. */
function interruption(operation: OperationRecord): Failure {
  const cause = operation.steps.find((step) => step.state === 'failed')?.note;
  return { code: 'operation_failed', message: cause ?? 'The daemon ended in the middle.' };
}

/** Asked anew after every await. */
function isStopping(options: SagaOptions): boolean {
  return options.signal.aborted;
}

async function runForward(options: SagaOptions): Promise<Failure | null> {
  const { operation, steps, clock, log } = options;
  for (let step = nextStep(operation.steps); step !== undefined; step = nextStep(operation.steps)) {
    if (isStopping(options)) return null;
    const startedMs = clock.nowMs();
    try {
      journal(options, step, { state: 'running', note: null });
      const note = (await steps[step.id]?.run()) ?? null;
      journal(options, step, { state: 'done', durationMs: clock.nowMs() - startedMs, note });
    } catch (error) {
      if (isStopping(options)) return null;
      log.error({ err: error, step: step.id, namespace: operation.namespace }, 'step failed');
      const failure = asFailure(error);
      journalQuietly(options, step, {
        state: 'failed',
        durationMs: clock.nowMs() - startedMs,
        note: failure.message,
      });
      return failure;
    }
  }
  return null;
}

/** @returns why it stopped half way, or undefined when nothing is left behind. */
async function rollBack(options: SagaOptions): Promise<string | undefined> {
  for (const step of undoOrder(options.operation.steps)) {
    try {
      await options.steps[step.id]?.undo?.();
    } catch (error) {
      options.log.error({ err: error, step: step.id }, 'step not undone');
      // What comes earlier may still be in use by what is left: ports of a process that does not end.
      return messageOf(error);
    }
    if (isStopping(options)) return undefined;
    if (step.state !== 'failed') journalQuietly(options, step, { state: 'undone' });
  }
  return undefined;
}

function journal(options: SagaOptions, step: StepRecord, change: Partial<StepRecord>): void {
  Object.assign(step, change);
  options.store.updateStep(options.operation.id, step);
  options.onProgress(structuredClone(options.operation));
}

/** On the way back a journal that cannot be written must not keep anything from being undone. */
function journalQuietly(options: SagaOptions, step: StepRecord, change: Partial<StepRecord>): void {
  try {
    journal(options, step, change);
  } catch (error) {
    options.log.error({ err: error, step: step.id }, 'step not journaled');
  }
}

function asFailure(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return { code: 'operation_failed', message: messageOf(error) };
}
