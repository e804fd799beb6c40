/** Waiting for a service, the same for every service manager. */
import { AppError } from '../contract/errors.ts';
import type { Clock } from '../kit/clock.ts';
import type { ServiceRef, ServiceReport } from '../namespaces/system.ts';

/** Wakes whoever waits for something to be different. */
export class ChangeBell {
  readonly #waiters = new Set<() => void>();

  ring(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve));
  }
}

/** `The TURN service of demo` */
export function serviceTitle(service: ServiceRef): string {
  return `The ${service.kind === 'turn' ? 'TURN' : 'SFU'} service of ${service.namespace}`;
}

/**
 * Resolves when the service is ready. Rejects with AppError service_failed (its sentence says what the service said
 * last) when it is stopped, has failed, or is not ready in time, and with shutting_down when `signal` aborts.
 * @param bell rings whenever `report` may say something else.
 */
export async function untilReady(options: {
  service: ServiceRef;
  report: () => ServiceReport;
  bell: ChangeBell;
  clock: Clock;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}): Promise<void> {
  const { service, report, bell, clock, timeoutMs, signal } = options;
  const limit = { passed: false };
  const wake = (): void => {
    bell.ring();
  };
  const cancel = clock.after(timeoutMs, () => {
    limit.passed = true;
    wake();
  });
  signal?.addEventListener('abort', wake);
  try {
    for (;;) {
      const { state, failure } = report();
      if (state === 'ready') return;
      if (signal?.aborted === true) throw new AppError('shutting_down', 'The daemon is shutting down.');
      if (state === 'failed' || state === 'stopped') {
        throw new AppError('service_failed', failure ?? `${serviceTitle(service)} is not running.`);
      }
      if (limit.passed) {
        const seconds = String(Math.round(timeoutMs / 1000));
        const late = `${serviceTitle(service)} was not ready within ${seconds} s.`;
        throw new AppError('service_failed', failure ?? late);
      }
      await bell.next();
    }
  } finally {
    cancel();
    signal?.removeEventListener('abort', wake);
  }
}
