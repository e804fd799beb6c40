/**
 * Undo list of a start: every step that succeeds pushes its undo, a failure or a stop runs them in
 * reverse order. Whoever creates the stack owns everything pushed on it.
 */
export class CleanupStack {
  readonly #steps: { label: string; undo: () => void | Promise<void> }[] = [];

  /** Adds the undo of a step that has just succeeded. `label` names it in a failure. */
  push(label: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ label, undo });
  }

  /**
   * Runs all undos, last first, each in its own try. A second call does nothing.
   * @returns the failures, in the order met; never rejects.
   */
  async run(): Promise<{ label: string; error: unknown }[]> {
    const failures: { label: string; error: unknown }[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        failures.push({ label: step.label, error });
      }
    }
    return failures;
  }
}
