/**
 * Chooses the encodings of all layered tracks of one viewer together, a few times a second, and probes the
 * path when it might carry more than has been tried. Moving happens in the downlink, at a key frame.
 */
import type { CoreContext, Timed } from './core-context.ts';
import { allocateLayers, costOf, largestUseful, nextLayer, type LayeredTrack } from './layer-allocation.ts';
import type { CoreSource, Encoding } from './source.ts';
import type { ViewerPath } from './viewer-path.ts';

const INTERVAL_MS = 200;
/** While there is nothing to choose from. */
const IDLE_INTERVAL_MS = 1000;
/** An encoding without a packet for this long is off: senders stop the upper ones when their path is narrow. */
const ACTIVE_MS = 1000;
/** A larger layer must have fitted this long. */
const UP_AFTER_MS = 600;
/** A move up that had to be taken back within this time was a mistake: the next one waits longer. */
const REGRET_MS = 5000;
const MIN_PATIENCE_MS = 600;
const MAX_PATIENCE_MS = 60_000;
const PROBE_MS = 225;
const PROBE_STEP_MS = 5;
const FIRST_PROBE_INTERVAL_MS = 700;
const MAX_PROBE_INTERVAL_MS = 20_000;
/** So that a wrong probe fills a queue by no more than its own length. */
const MAX_PROBE_FACTOR = 2;

/** A downlink that has several encodings to choose from. */
export interface LayeredDownlink {
  readonly current: Encoding | undefined;
  /** False while it is paused: then it costs nothing. */
  readonly isSending: boolean;
  switchTo(encoding: Encoding, nowMs: number): void;
  /** Sends about `bytes` of what the viewer has already, as a test of the path. @returns what was sent. */
  probe(bytes: number, nowMs: number): number;
}

type Entry = {
  sources: readonly CoreSource[];
  height: number | undefined;
  fitsSinceMs: number | undefined;
  movedUpMs: number;
  patienceMs: number;
};

export class ViewerLayers implements Timed {
  readonly #context: CoreContext;
  readonly #path: ViewerPath;
  readonly #otherBitsPerSecond: (nowMs: number) => number;
  readonly #entries = new Map<LayeredDownlink, Entry>();
  #chooseAtMs = 0;
  #probe: { untilMs: number; bitsPerSecond: number; lastMs: number } | undefined;
  /** The estimate before the last probe, until its effect has been looked at. */
  #probedFrom: number | undefined;
  #nextProbeMs = 0;
  #probeIntervalMs = FIRST_PROBE_INTERVAL_MS;

  /** `otherBitsPerSecond`: what the viewer's tracks without layers take. */
  constructor(context: CoreContext, path: ViewerPath, otherBitsPerSecond: (nowMs: number) => number) {
    this.#context = context;
    this.#path = path;
    this.#otherBitsPerSecond = otherBitsPerSecond;
  }

  has(downlink: LayeredDownlink): boolean {
    return this.#entries.has(downlink);
  }

  /** True when the downlink is on the smallest encoding that its sender sends, or has nothing to choose from. */
  isAtLeast(downlink: LayeredDownlink, nowMs: number): boolean {
    const entry = this.#entries.get(downlink);
    if (entry === undefined) return true;
    return downlink.current === active(entry.sources, nowMs)[0];
  }

  /** Of its smallest encoding, 0 while none is sent; undefined when it has nothing to choose from. */
  leastBitsPerSecond(downlink: LayeredDownlink, nowMs: number): number | undefined {
    const entry = this.#entries.get(downlink);
    return entry && (active(entry.sources, nowMs)[0]?.bitsPerSecond(nowMs) ?? 0);
  }

  /** Takes up a downlink or its new encodings, and chooses at once. */
  set(
    downlink: LayeredDownlink,
    sources: readonly CoreSource[],
    height: number | undefined,
    nowMs: number,
  ): void {
    this.#entries.set(downlink, {
      sources,
      height,
      fitsSinceMs: undefined,
      movedUpMs: -Infinity,
      patienceMs: MIN_PATIENCE_MS,
    });
    this.#choose(nowMs);
    this.#arm(nowMs);
  }

  /** The size it is shown at. A smaller one is followed at once, a larger one as the path allows. */
  setHeight(downlink: LayeredDownlink, height: number | undefined, nowMs: number): void {
    const entry = this.#entries.get(downlink);
    if (entry === undefined || entry.height === height) return;
    entry.height = height;
    this.#choose(nowMs);
    this.#arm(nowMs);
  }

  delete(downlink: LayeredDownlink): void {
    this.#entries.delete(downlink);
    if (this.#entries.size === 0) this.close();
  }

  close(): void {
    this.#probe = undefined;
    this.#context.deadlines.delete(this);
  }

  onDeadline(nowMs: number): void {
    if (this.#entries.size === 0) return;
    this.#continueProbe(nowMs);
    if (nowMs >= this.#chooseAtMs) this.#choose(nowMs);
    this.#arm(nowMs);
  }

  #arm(nowMs: number): void {
    const atMs =
      this.#probe === undefined ? this.#chooseAtMs : Math.min(this.#chooseAtMs, nowMs + PROBE_STEP_MS);
    this.#context.deadlines.set(this, atMs);
  }

  #choose(nowMs: number): void {
    const downlinks: LayeredDownlink[] = [];
    const entries: Entry[] = [];
    const sorted: Encoding[][] = [];
    const tracks: LayeredTrack[] = [];
    for (const [downlink, entry] of this.#entries) {
      if (!downlink.isSending) continue;
      const order = inOrder(entry.sources, nowMs);
      downlinks.push(downlink);
      entries.push(entry);
      sorted.push(order);
      tracks.push({
        layers: order.map((source) => ({
          bitsPerSecond: source.bitsPerSecond(nowMs),
          height: source.height,
          isActive: source.hasSentSince(nowMs - ACTIVE_MS),
        })),
        height: entry.height,
        current: downlink.current === undefined ? -1 : order.indexOf(downlink.current),
      });
    }
    this.#chooseAtMs =
      nowMs + (tracks.some(({ layers }) => layers.length > 1) ? INTERVAL_MS : IDLE_INTERVAL_MS);
    const known = this.#path.bandwidth(nowMs);
    const budget =
      known === undefined ? undefined : Math.max(0, known.bitsPerSecond - this.#otherBitsPerSecond(nowMs));
    const chosen = allocateLayers(tracks, budget);
    for (const [at, track] of tracks.entries()) {
      const downlink = downlinks[at];
      const entry = entries[at];
      const index = chosen[at] ?? -1;
      const source = sorted[at]?.[index] ?? (track.current === -1 ? sorted[at]?.[0] : undefined);
      if (downlink === undefined || entry === undefined || source === undefined) continue;
      if (this.#mayMove(track, entry, index, budget === undefined, nowMs)) downlink.switchTo(source, nowMs);
    }
    if (known !== undefined && !known.isCongested)
      this.#considerProbe(tracks, chosen, known.bitsPerSecond, nowMs);
  }

  #mayMove(track: LayeredTrack, entry: Entry, index: number, isUnknown: boolean, nowMs: number): boolean {
    const { current } = track;
    if (index === current || current === -1 || track.layers[current]?.isActive !== true) {
      entry.fitsSinceMs = undefined;
      return true;
    }
    if (index < current) {
      entry.fitsSinceMs = undefined;
      if (nowMs - entry.movedUpMs < REGRET_MS && current <= largestUseful(track)) {
        entry.patienceMs = Math.min(MAX_PATIENCE_MS, entry.patienceMs * 4);
        entry.movedUpMs = -Infinity;
      }
      return true;
    }
    entry.fitsSinceMs ??= nowMs;
    if (!isUnknown && nowMs - entry.fitsSinceMs < Math.max(UP_AFTER_MS, entry.patienceMs)) return false;
    entry.fitsSinceMs = undefined;
    // A move that lasted is no mistake any more.
    if (nowMs - entry.movedUpMs > REGRET_MS * 4) entry.patienceMs = MIN_PATIENCE_MS;
    entry.movedUpMs = nowMs;
    return true;
  }

  /** The size asks for more than the estimate allows: it may only be that more was never tried. */
  #considerProbe(
    tracks: readonly LayeredTrack[],
    chosen: readonly number[],
    estimate: number,
    nowMs: number,
  ): void {
    if (this.#probe !== undefined || nowMs < this.#nextProbeMs) return;
    const from = this.#probedFrom;
    this.#probedFrom = undefined;
    if (from !== undefined && estimate < from * 1.1) {
      // It showed nothing: ask less often.
      this.#probeIntervalMs = Math.min(MAX_PROBE_INTERVAL_MS, this.#probeIntervalMs * 2);
      this.#nextProbeMs = nowMs + this.#probeIntervalMs;
      return;
    }
    let now = this.#otherBitsPerSecond(nowMs);
    let extra = Infinity;
    for (const [at, track] of tracks.entries()) {
      const index = chosen[at] ?? -1;
      now += track.layers[track.current]?.bitsPerSecond ?? 0;
      const next = nextLayer(track, index, largestUseful(track));
      if (next !== -1)
        extra = Math.min(
          extra,
          costOf({ ...track, current: index }, next) - (track.layers[index]?.bitsPerSecond ?? 0),
        );
    }
    if (extra === Infinity) {
      this.#probeIntervalMs = FIRST_PROBE_INTERVAL_MS;
      return;
    }
    const target = Math.min((now + extra) * 1.1, Math.max(estimate, now) * MAX_PROBE_FACTOR);
    this.#probe = { untilMs: nowMs + PROBE_MS, bitsPerSecond: target - now, lastMs: nowMs };
    this.#probedFrom = estimate;
  }

  #continueProbe(nowMs: number): void {
    const probe = this.#probe;
    if (probe === undefined) return;
    let bytes = (probe.bitsPerSecond / 8000) * (nowMs - probe.lastMs);
    probe.lastMs = nowMs;
    for (const downlink of this.#entries.keys()) {
      if (bytes <= 0) break;
      if (downlink.isSending) bytes -= downlink.probe(bytes, nowMs);
    }
    if (nowMs < probe.untilMs) return;
    this.#probe = undefined;
    this.#nextProbeMs = nowMs + FIRST_PROBE_INTERVAL_MS;
  }
}

function active(sources: readonly CoreSource[], nowMs: number): Encoding[] {
  return inOrder(sources, nowMs).filter((source) => source.hasSentSince(nowMs - ACTIVE_MS));
}

/** From the smallest to the largest: by height once all told theirs, else by bit rate. */
function inOrder(sources: readonly CoreSource[], nowMs: number): Encoding[] {
  const encodings = sources.flatMap((source) => source.encodings);
  const isKnown = encodings.every((one) => one.height !== null);
  const size = new Map(encodings.map((one) => [one, isKnown ? one.height : one.bitsPerSecond(nowMs)]));
  return encodings.sort((a, b) => (size.get(a) ?? 0) - (size.get(b) ?? 0));
}
