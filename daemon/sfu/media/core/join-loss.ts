/** How much of a re-join's burst is asked for again: too much means that it does not fit the path. */

const NARROW_SHARE = 0.25;
const MIN_PACKETS = 20;

export class JoinLoss {
  #packets = 0;
  #asked = 0;

  restart(): void {
    this.#packets = 0;
    this.#asked = 0;
  }

  onSent(): void {
    this.#packets += 1;
  }

  onAsked(): void {
    this.#asked += 1;
  }

  get isTooMuch(): boolean {
    return this.#asked > MIN_PACKETS && this.#asked > this.#packets * NARROW_SHARE;
  }
}
