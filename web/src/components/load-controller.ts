/** Load of the host, live while an element is in the page and its user may see it. Samples outlive the page. */
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { OLD_MS, withSample, type Sample } from '../actions/load-view.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { EventStream } from '../live/event-stream.ts';

export class LoadController implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #context: () => ConsoleContext;
  #stream: EventStream | undefined;
  #leave: (() => void)[] = [];

  constructor(host: ReactiveControllerHost, context: () => ConsoleContext) {
    this.#host = host;
    this.#context = context;
    host.addController(this);
  }

  get samples(): readonly Sample[] {
    return this.#context().loadSamples;
  }

  /** The newest one, however old. */
  get newest(): Sample | undefined {
    return this.samples.at(-1);
  }

  /** Since when there has been no number, or null while they come. */
  get oldSinceMs(): number | null {
    const { newest } = this;
    if (newest === undefined) return null;
    return this.#context().timers.now() - newest.atMs > OLD_MS ? newest.atMs : null;
  }

  hostConnected(): void {
    const context = this.#context();
    const timer = setInterval(() => {
      this.#host.requestUpdate();
    }, 1000);
    this.#leave = [
      () => {
        clearInterval(timer);
      },
      // Who may not see it would be refused for ever.
      context.live.on('data', () => {
        this.#begin();
      }),
    ];
    this.#begin();
  }

  hostDisconnected(): void {
    for (const leave of this.#leave.splice(0)) leave();
    this.#stream?.stop();
    this.#stream = undefined;
  }

  #begin(): void {
    const context = this.#context();
    if (this.#stream !== undefined || context.live.data === null || !context.mayOperate) return;
    const stream = context.openLoad();
    this.#stream = stream;
    this.#leave.push(
      stream.on('data', ({ load }) => {
        if (load === null || load.atMs === this.newest?.atMs) return;
        context.loadSamples = withSample(context.loadSamples, load);
        this.#host.requestUpdate();
      }),
    );
    stream.start();
  }
}
