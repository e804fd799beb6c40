/** Operations under way: one per namespace, journaled, told as they go, resumed after a crash. */
import type { Operation } from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import { randomToken } from '../kit/secret.ts';
import type { Logger } from '../kit/logger.ts';
import { disableSteps } from './disable-steps.ts';
import { enableSteps, type EnableRequest, type StepDependencies } from './enable-steps.ts';
import { rotateSteps, type RotateDependencies } from './rotate-steps.ts';
import { runSaga, type SagaSteps } from './saga-runner.ts';
import { pendingSteps, resumeDirection } from './saga.ts';
import type { OperationKind, OperationRecord } from './system.ts';
import { operationView } from './webrtc-status.ts';

const SHOWN_OPERATIONS = 50;
const OPERATION_ID_BYTES = 9;

const UNDER_WAY: Record<OperationKind, string> = {
  'enable-webrtc': 'WebRTC is being enabled for',
  'disable-webrtc': 'WebRTC is being disabled for',
  'rotate-turn-secret': 'The TURN secret is being rotated for',
};

export type OperationsOptions = {
  dependencies: StepDependencies & RotateDependencies;
  log: Logger;
  onOperation: (operation: Operation) => void;
  /** A namespace's operation began or ended. */
  onNamespace: (namespace: string, ended: OperationRecord | undefined) => void;
};

export class Operations {
  readonly #options: OperationsOptions;
  readonly #running = new Map<string, { record: OperationRecord; done: Promise<void> }>();

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  running(namespace: string): OperationRecord | undefined {
    return this.#running.get(namespace)?.record;
  }

  /** Throws operation_in_progress. */
  refuseWhileRunning(namespace: string): void {
    const running = this.running(namespace);
    if (running === undefined) return;
    throw new AppError('operation_in_progress', `${UNDER_WAY[running.kind]} "${namespace}" right now.`, {
      details: { operationId: running.id },
      retryAfterSeconds: 5,
    });
  }

  /**
   * Starts an operation, without the steps of `leftOut`, and returns; throws operation_in_progress when another
   * one won the race.
   */
  begin(kind: OperationKind, request: EnableRequest, leftOut: readonly string[] = []): OperationRecord {
    const { store, clock, signal } = this.#options.dependencies;
    if (signal.aborted) throw new AppError('shutting_down', 'The daemon is shutting down.');
    const record: OperationRecord = {
      id: `op-${randomToken(OPERATION_ID_BYTES)}`,
      kind,
      namespace: request.namespace,
      state: 'running',
      startedAtMs: clock.nowMs(),
      endedAtMs: null,
      steps: pendingSteps(kind, leftOut),
      error: null,
    };
    store.insertOperation(record); // The database lets one win.
    void this.#run(record, request, 'forward');
    return record;
  }

  /** Ends what a crash cut off; resolves when all of it has ended. */
  async resume(): Promise<void> {
    const { dependencies, log } = this.#options;
    const resumed = dependencies.store.runningOperations().map((record) => {
      const { namespace, kind, steps } = record;
      const direction = resumeDirection(kind, steps);
      log.warn({ namespace, kind, direction }, 'operation is resumed');
      return this.#run(record, { namespace }, direction);
    });
    await Promise.all(resumed);
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    await Promise.all([...this.#running.values()].map((one) => one.done));
  }

  /** Throws operation_not_found. */
  get(id: string): Operation {
    const running = [...this.#running.values()].find((one) => one.record.id === id)?.record;
    const record = running ?? this.#options.dependencies.store.operation(id);
    if (record === undefined) throw new AppError('operation_not_found', 'There is no such operation.');
    return operationView(record);
  }

  /** The latest ones, newest first. */
  list(): Operation[] {
    return this.#options.dependencies.store.operations(SHOWN_OPERATIONS).map(operationView);
  }

  #steps(kind: OperationKind, request: EnableRequest): SagaSteps {
    const { dependencies } = this.#options;
    if (kind === 'enable-webrtc') return enableSteps(request, dependencies);
    if (kind === 'disable-webrtc') return disableSteps(request.namespace, dependencies);
    return rotateSteps(request.namespace, dependencies);
  }

  #run(record: OperationRecord, request: EnableRequest, direction: 'forward' | 'backward'): Promise<void> {
    const { dependencies, log, onOperation, onNamespace } = this.#options;
    const { namespace } = record;
    const done = runSaga({
      operation: record,
      steps: this.#steps(record.kind, request),
      direction,
      store: dependencies.store,
      clock: dependencies.clock,
      log,
      signal: dependencies.signal,
      onProgress: (operation) => {
        // Whoever hears that it ended may start the next one.
        if (operation.state !== 'running') this.#running.delete(namespace);
        onOperation(operationView(operation));
      },
    }).finally(() => {
      if (this.running(namespace) === record) this.#running.delete(namespace);
      onNamespace(namespace, record);
    });
    if (record.state === 'running') this.#running.set(namespace, { record, done });
    onOperation(operationView(record));
    onNamespace(namespace, undefined);
    return done;
  }
}
