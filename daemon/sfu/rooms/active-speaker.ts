/** Who speaks in a room: the loudest, with some inertia so that a cough takes the word from nobody. Pure state. */

/** Decibels above silence: below it is room noise. */
export const SPEECH = 127 - 50;
/** Who takes over is louder by this much. */
const LEAD = 6;
/** A pause for breath keeps the word. */
const HOLD_MS = 2500;

export class ActiveSpeaker {
  #current: string | null = null;
  #spokeMs = -Infinity;

  get current(): string | null {
    return this.#current;
  }

  /**
   * @param loudness by participant, 0 to 127.
   * @returns true when another speaks now, or nobody any more.
   */
  update(loudness: ReadonlyMap<string, number>, nowMs: number): boolean {
    let loudest: string | null = null;
    let most = SPEECH;
    for (const [participantId, value] of loudness) {
      if (value <= most) continue;
      most = value;
      loudest = participantId;
    }
    const current = this.#current;
    const own = current === null ? 0 : (loudness.get(current) ?? 0);
    if (own > SPEECH) this.#spokeMs = nowMs;
    const isThere = current !== null && loudness.has(current);
    const keeps =
      isThere && (own > SPEECH ? most < own + LEAD : nowMs - this.#spokeMs < HOLD_MS && loudest === null);
    if (keeps || loudest === current) return false;
    this.#current = loudest;
    if (loudest !== null) this.#spokeMs = nowMs;
    return true;
  }
}
