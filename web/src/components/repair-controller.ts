/** Runs a repair of the host for a page and keeps what came of it. */
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { repairHeadline, type RepairRun } from '../actions/repair-view.ts';
import type { ConsoleContext } from '../console-context.ts';

export class RepairController implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #context: () => ConsoleContext;
  /** Null until somebody asks for one. */
  run: RepairRun | null = null;

  constructor(host: ReactiveControllerHost, context: () => ConsoleContext) {
    this.#host = host;
    this.#context = context;
    host.addController(this);
  }

  get busy(): boolean {
    return this.run?.phase === 'running';
  }

  hostDisconnected(): void {
    // What was mended then may have been changed again: the page begins without it.
    if (!this.busy) this.run = null;
  }

  /** Never rejects. @returns whether the server did it, whatever came of it. */
  async start(): Promise<boolean> {
    if (this.busy) return false;
    this.#set({ phase: 'running' });
    try {
      this.#set({ phase: 'done', report: await this.#context().api.host.repair() });
      return true;
    } catch (error) {
      this.#set({ phase: 'refused', why: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }

  #set(run: RepairRun): void {
    this.run = run;
    const context = this.#context();
    context.say(repairHeadline(run, context.timers.now()).title);
    this.#host.requestUpdate();
  }
}
