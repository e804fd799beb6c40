/** Typed events without a framework. One failing listener does not stop the others. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(data: never) => void>>();

  /** @returns a function that stops listening; calling it twice is a no-op. */
  on<Name extends keyof Events>(name: Name, listener: (data: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** @internal */
  emit<Name extends keyof Events>(
    name: Name,
    ...data: Events[Name] extends undefined ? [data?: undefined] : [data: Events[Name]]
  ): void;
  emit(name: keyof Events, data?: unknown): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (data: unknown) => void)(data);
      } catch (error) {
        console.error(`A listener of "${String(name)}" failed.`, error);
      }
    }
  }

  /** @internal */
  clear(): void {
    this.#listeners.clear();
  }
}
