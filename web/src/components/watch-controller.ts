/** Subscriptions that live as long as an element is in the page. */
import type { ReactiveController, ReactiveControllerHost } from 'lit';

type Unsubscribe = () => void;

export class WatchController implements ReactiveController {
  readonly #subscribe: () => Unsubscribe[];
  #subscriptions: Unsubscribe[] = [];

  constructor(host: ReactiveControllerHost, subscribe: () => Unsubscribe[]) {
    this.#subscribe = subscribe;
    host.addController(this);
  }

  hostConnected(): void {
    this.#subscriptions = this.#subscribe();
  }

  hostDisconnected(): void {
    for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe();
  }
}
