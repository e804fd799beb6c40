/** Numbers of an audio stream towards one viewer: what was lost before us stays visible, so decoders conceal it. */

/** Audio packets missing in a row that are still shown as missing, not as a new start. */
const MAX_GAP = 3000;

export class AudioNumbers {
  #base: { sequence: number; index: number } | undefined;

  restart(): void {
    this.#base = undefined;
  }

  /**
   * Where a packet stands, given the number the next one would have.
   * @returns undefined for one from before the start.
   */
  place(sequence: number, next: number): { index: number; isRestart: boolean } | undefined {
    let base = this.#base;
    let isRestart = false;
    if (base === undefined || sequence - base.sequence + base.index > next + MAX_GAP) {
      base = { sequence, index: next };
      this.#base = base;
      isRestart = true;
    }
    return sequence < base.sequence ? undefined : { index: sequence - base.sequence + base.index, isRestart };
  }
}
