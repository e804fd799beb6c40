/**
 * Holds back a viewer's track that its path cannot carry even at its smallest, tells so, and gives it again
 * once the path carries it. One per viewer: its tracks share the path, so they are held one after the other,
 * the one that takes most first. Works only while pictures are being spared or a track is held.
 */
import type { CoreContext, Timed } from './core-context.ts';
import type { HeldTrack } from './types.ts';
import type { ViewerPath } from './viewer-path.ts';

const CHECK_MS = 1000;
/** A viewer that stays behind for so long is told. */
const BEHIND_MS = 10_000;
/** After a track was held, what is left of the others is looked at for this long first. */
const EFFECT_MS = 5000;
/** Behind: more than this part of its pictures is spared. */
const SPARED_SHARE = 0.5;
const FIRST_RETRY_MS = 10_000;
const MAX_RETRY_MS = 120_000;
/** A track that went on for so long after a retry begins with short waits again. */
const RECOVERED_MS = 60_000;
/** What comes back must fit with room to spare. */
const MARGIN = 1.15;
const PROBE_MS = 225;
const PROBE_STEP_MS = 5;
/** The feedback to the last packet of a probe is here by then. */
const PROBE_ANSWER_MS = 600;
/** So that a wrong probe fills a queue by no more than its own length. */
const MAX_PROBE_FACTOR = 2;
/** Where nothing is known of the path's rate a probe begins with this. */
const PROBE_GAIN = 1.1;

/** A downlink as it is judged here. */
export interface SpareableDownlink {
  readonly isSending: boolean;
  /** Pictures that were due since it began, and those of them that were left out for the path's sake. */
  readonly pictures: { due: number; spared: number };
  /** True when there is no smaller encoding to move to. */
  isAtLeast(nowMs: number): boolean;
  sourceBitsPerSecond(nowMs: number): number;
  /** Of its smallest active encoding; 0 while nothing flows. */
  leastBitsPerSecond(nowMs: number): number;
  /** Stops it, or starts it again by a re-join, and tells the shell. */
  setHeld(held: HeldTrack | undefined, nowMs: number): void;
  /** Sends about `bytes` of what the viewer has already. @returns what was sent. */
  probe(bytes: number, nowMs: number): number;
}

type Sample = { atMs: number; due: number; spared: number };
type Entry = {
  samples: Sample[];
  isHeld: boolean;
  retryAtMs: number;
  retryMs: number;
  givenBackMs: number;
};
type Probe = {
  entry: Entry;
  downlink: SpareableDownlink;
  bitsPerSecond: number;
  lastMs: number;
  untilMs: number;
  /** The estimate before it. */
  from: number;
};

export class SlowTracks implements Timed {
  readonly #context: CoreContext;
  readonly #path: ViewerPath;
  /** What all tracks of this viewer take that are being sent. */
  readonly #sentBitsPerSecond: (nowMs: number) => number;
  readonly #entries = new Map<SpareableDownlink, Entry>();
  #lastHoldMs = -Infinity;
  #nextCheckMs: number | undefined;
  #probe: Probe | undefined;

  constructor(context: CoreContext, path: ViewerPath, sentBitsPerSecond: (nowMs: number) => number) {
    this.#context = context;
    this.#path = path;
    this.#sentBitsPerSecond = sentBitsPerSecond;
  }

  /** A picture of this downlink was left out for the path's sake. */
  onSpared(downlink: SpareableDownlink, nowMs: number): void {
    if (!this.#entries.has(downlink)) {
      this.#entries.set(downlink, {
        samples: [{ atMs: nowMs, ...downlink.pictures }],
        isHeld: false,
        retryAtMs: Infinity,
        retryMs: FIRST_RETRY_MS,
        givenBackMs: -Infinity,
      });
    }
    if (this.#nextCheckMs !== undefined) return;
    this.#nextCheckMs = nowMs + CHECK_MS;
    this.#arm(nowMs);
  }

  /** The viewer itself decided anew about this downlink, or it is gone. */
  forget(downlink: SpareableDownlink): void {
    this.#entries.delete(downlink);
    if (this.#probe?.downlink === downlink) this.#probe = undefined;
    if (this.#entries.size === 0) this.close();
  }

  close(): void {
    this.#probe = undefined;
    this.#nextCheckMs = undefined;
    this.#context.deadlines.delete(this);
  }

  onDeadline(nowMs: number): void {
    this.#continueProbe(nowMs);
    if (this.#nextCheckMs !== undefined && nowMs >= this.#nextCheckMs) {
      this.#sample(nowMs);
      this.#holdOne(nowMs);
      this.#giveBackOne(nowMs);
      this.#nextCheckMs = this.#entries.size === 0 ? undefined : nowMs + CHECK_MS;
    }
    this.#arm(nowMs);
  }

  #arm(nowMs: number): void {
    if (this.#nextCheckMs === undefined) this.#context.deadlines.delete(this);
    else {
      const stepMs = this.#probe === undefined ? Infinity : nowMs + PROBE_STEP_MS;
      this.#context.deadlines.set(this, Math.min(this.#nextCheckMs, stepMs));
    }
  }

  /** Notes where every downlink is; those that follow again are forgotten, but not how long they did. */
  #sample(nowMs: number): void {
    for (const [downlink, entry] of this.#entries) {
      if (entry.isHeld) continue;
      if (!downlink.isSending) {
        this.#entries.delete(downlink);
        continue;
      }
      // What was spared of a larger encoding says nothing of the smallest.
      if (!downlink.isAtLeast(nowMs)) entry.samples = [];
      entry.samples.push({ atMs: nowMs, ...downlink.pictures });
      while (entry.samples.length > 1 && nowMs - (entry.samples[1]?.atMs ?? nowMs) >= BEHIND_MS)
        entry.samples.shift();
      const isAtRest = entry.samples[0]?.spared === downlink.pictures.spared;
      const isLongAgo = nowMs - entry.givenBackMs > RECOVERED_MS;
      if (isAtRest && isLongAgo && nowMs - (entry.samples[0]?.atMs ?? nowMs) >= BEHIND_MS)
        this.#entries.delete(downlink);
    }
  }

  #holdOne(nowMs: number): void {
    const slowSinceMs = this.#path.slowSinceMs(nowMs);
    if (slowSinceMs === undefined || nowMs - slowSinceMs < BEHIND_MS) return;
    const known = this.#path.bandwidth(nowMs);
    // It carries what is sent: the viewer is about to recover.
    if (known !== undefined && known.bitsPerSecond >= this.#sentBitsPerSecond(nowMs)) return;
    const forMs = nowMs - this.#lastHoldMs < BEHIND_MS ? EFFECT_MS : BEHIND_MS;
    let worst: [SpareableDownlink, Entry] | undefined;
    for (const [downlink, entry] of this.#entries) {
      if (entry.isHeld || !downlink.isSending || !isBehind(entry.samples, forMs)) continue;
      if (worst === undefined || downlink.sourceBitsPerSecond(nowMs) > worst[0].sourceBitsPerSecond(nowMs))
        worst = [downlink, entry];
    }
    if (worst === undefined) return;
    const [downlink, entry] = worst;
    // Held again soon: the retry was wrong, the next one comes later.
    if (nowMs - entry.givenBackMs < RECOVERED_MS) entry.retryMs = Math.min(MAX_RETRY_MS, entry.retryMs * 2);
    else entry.retryMs = FIRST_RETRY_MS;
    entry.isHeld = true;
    entry.retryAtMs = nowMs + entry.retryMs;
    this.#lastHoldMs = nowMs;
    for (const [other, one] of this.#entries) one.samples = [{ atMs: nowMs, ...other.pictures }];
    downlink.setHeld(
      {
        carriesBitsPerSecond: known?.bitsPerSecond ?? null,
        needsBitsPerSecond: downlink.leastBitsPerSecond(nowMs),
      },
      nowMs,
    );
  }

  /** The smallest of those whose time has come: it fits first. */
  #giveBackOne(nowMs: number): void {
    if (this.#probe !== undefined) return;
    let next: [SpareableDownlink, Entry] | undefined;
    for (const [downlink, entry] of this.#entries) {
      if (!entry.isHeld || nowMs < entry.retryAtMs) continue;
      if (next === undefined || downlink.leastBitsPerSecond(nowMs) < next[0].leastBitsPerSecond(nowMs))
        next = [downlink, entry];
    }
    if (next === undefined) return;
    const [downlink, entry] = next;
    const known = this.#path.bandwidth(nowMs);
    const sent = this.#sentBitsPerSecond(nowMs);
    const target = sent + downlink.leastBitsPerSecond(nowMs) * MARGIN;
    if (known === undefined || target === sent || known.bitsPerSecond >= target) {
      this.#giveBack(downlink, entry, nowMs);
      return;
    }
    if (sent > 0 && known.isCongested) {
      entry.retryAtMs = nowMs + entry.retryMs;
      return;
    }
    const limit = Math.max(known.bitsPerSecond, sent) * MAX_PROBE_FACTOR;
    this.#probe = {
      ...{ entry, downlink },
      bitsPerSecond: Math.min(target * PROBE_GAIN, limit) - sent,
      lastMs: nowMs,
      untilMs: nowMs + PROBE_MS,
      from: known.bitsPerSecond,
    };
  }

  #continueProbe(nowMs: number): void {
    const probe = this.#probe;
    if (probe === undefined) return;
    if (nowMs < probe.untilMs) {
      const bytes = (probe.bitsPerSecond / 8000) * (nowMs - probe.lastMs);
      if (nowMs === probe.lastMs) return;
      probe.lastMs = nowMs;
      // A viewer that cannot be probed is given the pictures: they are the probe.
      if (probe.downlink.probe(bytes, nowMs) === 0) this.#giveBack(probe.downlink, probe.entry, nowMs);
      return;
    }
    if (nowMs < probe.untilMs + PROBE_ANSWER_MS) return;
    this.#probe = undefined;
    const { entry, downlink } = probe;
    const carries = this.#path.bandwidth(nowMs)?.bitsPerSecond ?? 0;
    const target = this.#sentBitsPerSecond(nowMs) + downlink.leastBitsPerSecond(nowMs) * MARGIN;
    if (carries >= target) this.#giveBack(downlink, entry, nowMs);
    else if (carries > probe.from * PROBE_GAIN) entry.retryAtMs = nowMs;
    else {
      entry.retryMs = Math.min(MAX_RETRY_MS, entry.retryMs * 2);
      entry.retryAtMs = nowMs + entry.retryMs;
    }
  }

  #giveBack(downlink: SpareableDownlink, entry: Entry, nowMs: number): void {
    if (this.#probe?.downlink === downlink) this.#probe = undefined;
    entry.isHeld = false;
    entry.retryAtMs = Infinity;
    entry.givenBackMs = nowMs;
    entry.samples = [{ atMs: nowMs, ...downlink.pictures }];
    downlink.setHeld(undefined, nowMs);
  }
}

/** For so long, and still now. */
function isBehind(samples: readonly Sample[], forMs: number): boolean {
  const first = samples[0];
  const before = samples.at(-3);
  const last = samples.at(-1);
  if (first === undefined || before === undefined || last === undefined) return false;
  if (last.atMs - first.atMs < forMs || last.spared === before.spared) return false;
  return last.spared - first.spared > (last.due - first.due) * SPARED_SHARE;
}
