/** Bounds the values of one label, whatever a service reports: a scraper pays for each for ever. */

/** Words that code may have written; anything else did not come from our tables. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/;

export class LabelValues {
  readonly #seen = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** The value itself, or `other` when it is no word or the label has as many values as it may. */
  bounded(value: string): string {
    if (this.#seen.has(value)) return value;
    if (!WORD.test(value) || this.#seen.size >= this.#max) return 'other';
    this.#seen.add(value);
    return value;
  }
}
