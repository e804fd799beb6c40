/**
 * One state for everything that starts and stops. `start()` and `stop()` may be called in any order
 * and any number of times: calls are memoised, a stop during a start aborts the start's signal, waits
 * for it, then stops.
 */
import { InvalidStateError } from './errors.ts';

export type LifecycleState = 'idle' | 'starting' | 'running' | 'stopping' | 'stopped';

export abstract class Lifecycle {
  #state: LifecycleState = 'idle';
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #abort = new AbortController();

  get state(): LifecycleState {
    return this.#state;
  }

  /** Aborted as soon as a stop is asked for: check it after every await of a long start or loop. */
  protected get stopSignal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Opens what this object owns. A failure must leave nothing open. */
  protected abstract onStart(): Promise<void>;
  /** Closes what `onStart` opened; never called when `onStart` failed. */
  protected abstract onStop(): Promise<void>;

  start(): Promise<void> {
    if (this.#starting !== undefined) return this.#starting;
    if (this.#state !== 'idle') {
      return Promise.reject(new InvalidStateError(`Cannot start: state is ${this.#state}`));
    }
    this.#state = 'starting';
    this.#starting = this.onStart().then(
      () => {
        if (this.#state === 'starting') this.#state = 'running';
      },
      (error: unknown) => {
        this.#state = 'stopped';
        throw error;
      },
    );
    return this.#starting;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    const started = this.#starting;
    if (started === undefined) {
      this.#state = 'stopped';
      return;
    }
    try {
      await started;
    } catch {
      return; // A failed start has cleaned up after itself.
    }
    this.#state = 'stopping';
    try {
      await this.onStop();
    } finally {
      this.#state = 'stopped';
    }
  }
}
