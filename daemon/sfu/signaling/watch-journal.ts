/**
 * Who is given the media of which room, from when to when: what the daemon's audit is told. A viewer that lets
 * go of a room and is back within a few seconds (a track was replaced) watched it all the time. Pure.
 */
import { randomToken } from '../../kit/secret.ts';
import type { Watch } from '../../contract/control.ts';

const GRACE_MS = 5000;
/** What ended is kept for a daemon that was away: `watches.list` has to fit into one line of the control socket. */
const MAX_ENDED = 1500;

type Open = { watch: Watch; tracks: Set<string> };

export class WatchJournal {
  readonly #nowMs: () => number;
  readonly #tell: (watch: Watch) => void;
  /** By session and room. */
  readonly #open = new Map<string, Open>();
  readonly #ended: Watch[] = [];

  constructor(options: { nowMs: () => number; tell: (watch: Watch) => void }) {
    this.#nowMs = options.nowMs;
    this.#tell = options.tell;
  }

  watch(one: { sessionId: string; roomId: string; identity: string; trackId: string }): void {
    const { sessionId, roomId, identity, trackId } = one;
    const key = `${sessionId} ${roomId}`;
    const known = this.#open.get(key);
    if (known !== undefined) {
      known.tracks.add(trackId);
      known.watch.untilMs = null;
      return;
    }
    const watch = { watchId: randomToken(9), roomId, identity, sinceMs: this.#nowMs(), untilMs: null };
    this.#open.set(key, { watch, tracks: new Set([trackId]) });
    this.#tell({ ...watch });
  }

  unwatch(one: { sessionId: string; roomId: string; trackId: string }): void {
    const known = this.#open.get(`${one.sessionId} ${one.roomId}`);
    if (known === undefined) return;
    known.tracks.delete(one.trackId);
    if (known.tracks.size === 0) known.watch.untilMs = this.#nowMs();
  }

  /** Tells those that ended and did not go on. To be called about once a second. */
  tick(): void {
    const nowMs = this.#nowMs();
    for (const [key, { watch }] of this.#open) {
      if (watch.untilMs === null || nowMs - watch.untilMs < GRACE_MS) continue;
      this.#open.delete(key);
      this.#ended.push(watch);
      if (this.#ended.length > MAX_ENDED) this.#ended.shift();
      this.#tell(watch);
    }
  }

  /** Those that ended last, then those that go on. */
  list(): Watch[] {
    return [...this.#ended, ...[...this.#open.values()].map(({ watch }) => ({ ...watch, untilMs: null }))];
  }
}
