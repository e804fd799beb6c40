/** What an element shows of the server's: asked for when it comes, and again when the daemon is back. */
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { ConsoleContext } from '../console-context.ts';

export class Loader<Value> implements ReactiveController {
  /** The last answer, however old; null before the first. */
  value: Value | null = null;
  /** Why there is no newer one. */
  problem: string | null = null;
  /** A change is on its way. */
  busy = false;
  readonly #host: ReactiveControllerHost;
  readonly #context: () => ConsoleContext;
  readonly #ask: () => Promise<Value>;
  #leave: () => void = () => undefined;
  #round = 0;

  constructor(host: ReactiveControllerHost, context: () => ConsoleContext, ask: () => Promise<Value>) {
    this.#host = host;
    this.#context = context;
    this.#ask = ask;
    host.addController(this);
  }

  hostConnected(): void {
    const { live } = this.#context();
    let wasDown = live.state.downSinceMs !== null;
    this.#leave = live.on('state', ({ downSinceMs }) => {
      const isDown = downSinceMs !== null;
      if (wasDown && !isDown) void this.load();
      wasDown = isDown;
    });
    void this.load();
  }

  hostDisconnected(): void {
    this.#leave();
    this.#round += 1;
  }

  async load(): Promise<void> {
    const round = ++this.#round;
    try {
      const value = await this.#ask();
      if (round !== this.#round) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (round !== this.#round) return;
      this.problem = error instanceof Error ? error.message : String(error);
    }
    this.#host.requestUpdate();
  }

  /**
   * Changes something, one at a time, and asks anew. A refusal is told under the header.
   * @param failure says what did not happen. @returns whether it did.
   */
  async change(failure: string, run: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.#host.requestUpdate();
    try {
      await run();
      await this.load();
      return true;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#context().tell({ kind: 'error', title: failure, text });
      return false;
    } finally {
      this.busy = false;
      this.#host.requestUpdate();
    }
  }
}
