/**
 * Which pictures one viewer is sent, and when. It joins, resumes, changes source and recovers by one and the same
 * re-join: parameter sets, then the cached group of pictures paced on the send clock, then live.
 */
import type { BurstPacer } from './burst-pacer.ts';
import type { CoreContext, Timed } from './core-context.ts';
import type { FrameGate } from './frame-gate.ts';
import { GopBurst } from './gop-burst.ts';
import type { Gop } from './gop-cache.ts';
import { keyFrameDueMs } from './key-frame-due.ts';
import { LayerSwitch } from './layer-switch.ts';
import type { MediaPacket } from './media-packet.ts';
import type { CoreSource, Encoding, SourceListener } from './source.ts';
import type { Feed, FeedFigures } from './viewer-feed.ts';
import type { ViewerOutput } from './viewer-output.ts';
import type { ViewerRepair } from './viewer-repair.ts';

/** One re-join per half second: what a viewer asks for meanwhile is on its way. */
const REJOIN_INTERVAL_MS = 500;
/** How late the awaited key frame may be before the burst starts after all. */
const KEY_FRAME_GRACE_MS = 100;
/** A key frame this young makes asking for another pointless. */
const FRESH_KEY_FRAME_MS = 1000;

/**
 * `waiting`: for the next key frame. `bursting`: behind, the pacer sends. `live`: each packet as it comes.
 */
type State = 'idle' | 'waiting' | 'bursting' | 'live';

export class PictureFeed implements Feed, SourceListener, Timed {
  readonly pictures = { due: 0, spared: 0 };
  readonly #context: CoreContext;
  readonly #output: ViewerOutput;
  readonly #repair: ViewerRepair;
  readonly #gate: FrameGate;
  readonly #catchUp: GopBurst;
  readonly #onSpared: (nowMs: number) => void;
  #state: State = 'idle';
  #source: CoreSource | undefined;
  #lastJoinMs = -Infinity;
  #burstDueMs: number | undefined;
  /** A move to another encoding, until its key frame comes. */
  #switch: LayerSwitch | undefined;
  /** The picture under way is not sent to this viewer. */
  #isSparing = false;
  #bursts = 0;
  #begins = 0;
  #layerSwitches = 0;
  #firstKeyFrameAtMs: number | null = null;

  /** `spared`: a picture is left out because the path does not carry it. */
  constructor(
    context: CoreContext,
    parts: { pacer: BurstPacer; output: ViewerOutput; repair: ViewerRepair; gate: FrameGate },
    spared: (nowMs: number) => void,
  ) {
    this.#context = context;
    this.#output = parts.output;
    this.#repair = parts.repair;
    this.#gate = parts.gate;
    this.#onSpared = spared;
    this.#catchUp = new GopBurst(
      parts,
      (nowMs) => this.encoding?.bitsPerSecond(nowMs) ?? 0,
      (isCaughtUp) => {
        if (isCaughtUp) this.#goLive();
        else this.#stopBurst();
      },
    );
  }

  get encoding(): Encoding | undefined {
    return this.#source && this.#output.filter.encodingOf(this.#source);
  }

  get isLive(): boolean {
    return this.#state === 'live';
  }

  get figures(): FeedFigures {
    return {
      framesDropped: this.#catchUp.framesDropped,
      framesSpared: this.#gate.spared,
      layerSwitches: this.#layerSwitches + this.#output.filter.changes,
      bursts: this.#bursts,
      begins: this.#begins,
      firstKeyFrameAtMs: this.#firstKeyFrameAtMs,
    };
  }

  setSource(source: CoreSource | undefined): void {
    this.stop();
    this.#attach(source);
  }

  switchTo(encoding: Encoding, isStopped: boolean, nowMs: number): void {
    const { source } = encoding;
    if (this.#switch?.source === source) return;
    this.#cancelSwitch();
    if (source === this.#source) {
      const isWaited = this.#output.filter.want(encoding);
      if (isWaited && (this.#state === 'live' || this.#state === 'bursting')) source.requestKeyFrame(nowMs);
      return;
    }
    if (this.#state !== 'live') {
      this.setSource(source);
      if (!isStopped) this.start(nowMs);
      return;
    }
    this.#switch = new LayerSwitch(source, {
      ready: (gop, isOverdue, atMs) => {
        if (!this.#output.isFrameOpen || isOverdue) this.#completeSwitch(gop, atMs);
      },
      gone: () => {
        this.#switch = undefined;
      },
    });
    this.#switch.start(nowMs);
  }

  start(nowMs: number): void {
    this.#lastJoinMs = -Infinity;
    const source = this.#source;
    if (source === undefined) return;
    this.#state = 'waiting';
    const gop = source.gops.current;
    const isOld = gop === undefined || nowMs - gop.startMs > FRESH_KEY_FRAME_MS;
    if (isOld) source.wishKeyFrame(gop !== undefined, nowMs);
    if (gop === undefined) return;
    const dueMs = keyFrameDueMs(source, gop, nowMs);
    if (dueMs === undefined) this.#burst(gop, nowMs);
    else {
      this.#burstDueMs = nowMs + dueMs + KEY_FRAME_GRACE_MS;
      this.#context.deadlines.set(this, this.#burstDueMs);
    }
  }

  stop(): void {
    this.#cancelSwitch();
    if (this.#state === 'bursting') this.#catchUp.drop();
    this.#state = 'idle';
    this.#cancelBurst();
    this.#output.stop();
  }

  // --- from the source ---

  onKeyFrame(gop: Gop, isResync: boolean, nowMs: number): void {
    switch (this.#state) {
      case 'idle':
        return;
      case 'live': {
        const wasClosed = this.#gate.isClosed;
        // Parameter sets of the same picture may have come before: this packet decides for it.
        this.#isSparing = !this.#gate.onKeyFrame(nowMs);
        if (this.#isSparing) return;
        this.#repair.restart();
        if (!isResync && !wasClosed) return;
        this.#output.restart(this.#source?.clock, nowMs);
        this.#output.sendPreamble(this.#source, gop, 1, nowMs);
        return;
      }
      case 'bursting':
        // Everything unsent is old news; on the send clock the jump shows as no gap.
        this.#catchUp.drop();
        break;
      case 'waiting':
        if (!this.#gate.onKeyFrame(nowMs)) return;
        break;
    }
    this.#goLive();
    this.#beginWith(gop, nowMs);
  }

  onPacket(packet: MediaPacket, nowMs: number): void {
    if (this.#state !== 'live') return;
    this.#sendUnlessSpared(packet, nowMs);
    const gop = this.#switch?.gop;
    if (gop !== undefined && packet.marker) this.#completeSwitch(gop, nowMs);
  }

  /** Decides for whole pictures: what was begun is sent to its end. */
  #sendUnlessSpared(packet: MediaPacket, nowMs: number): void {
    const source = this.#source;
    if (packet.isFrameStart && source !== undefined) {
      const isKeyFrame = packet.timestamp === source.keyFrameTimestamp;
      this.#isSparing = isKeyFrame
        ? this.#gate.isClosed
        : this.#gate.onFrame(source.codec, packet, nowMs) === 'spare';
      this.pictures.due += 1;
      if (this.#isSparing) {
        this.pictures.spared += 1;
        this.#onSpared(nowMs);
        this.#output.skipPicture();
        if (this.#gate.shouldAsk(nowMs)) source.requestKeyFrame(nowMs);
      }
    }
    if (this.#isSparing) this.#context.drops.add('slow-viewer');
    else this.#output.sendPicture(packet, true, nowMs);
  }

  onCacheDiscarded(): void {
    if (this.#state !== 'bursting') return;
    this.#catchUp.drop();
    this.#state = 'waiting';
  }

  onSourceClosed(): void {
    this.stop();
    this.#source = undefined;
  }

  // --- from the viewer ---

  onNack(sequenceNumbers: readonly number[], nowMs: number): void {
    if (!this.#gate.mayRepeat(nowMs)) {
      this.#repair.refuse(sequenceNumbers);
      return;
    }
    const verdict = this.#repair.answer(sequenceNumbers, this.#state === 'bursting', nowMs);
    if (verdict === 'too-narrow') this.#stopBurst();
    else if (verdict === 'hopeless') this.#rejoin(nowMs);
  }

  onPictureLoss(nowMs: number): void {
    this.#rejoin(nowMs);
  }

  onDeadline(nowMs: number): void {
    if (this.#burstDueMs === undefined) return;
    this.#burstDueMs = undefined;
    const gop = this.#source?.gops.current;
    if (this.#state === 'waiting' && gop !== undefined) this.#burst(gop, nowMs);
  }

  // --- states ---

  #attach(source: CoreSource | undefined): void {
    this.#source?.detach(this);
    if (source !== this.#source) this.#output.filter.reset();
    this.#source = source === undefined || source.isClosed ? undefined : source;
    this.#source?.attach(this);
    if (source !== undefined) this.#output.use(source.codec);
  }

  /** The new encoding follows in numbers and time on the frame that was sent last. */
  #completeSwitch(gop: Gop, nowMs: number): void {
    const source = this.#switch?.source;
    this.#cancelSwitch();
    if (source === undefined || this.#state !== 'live') return;
    this.#attach(source);
    this.#layerSwitches += 1;
    this.#gate.open(nowMs);
    this.#isSparing = false;
    this.#repair.restart();
    this.#output.newFrame();
    this.#output.restart(this.#source?.clock, nowMs);
    this.#output.sendPreamble(this.#source, gop, 1, nowMs);
    for (const packet of gop.packets) this.#output.sendPicture(packet, true, nowMs);
  }

  #cancelSwitch(): void {
    this.#switch?.cancel();
    this.#switch = undefined;
  }

  /** The path is too narrow for a burst: more of it would only delay the next key frame. */
  #stopBurst(): void {
    this.#catchUp.drop();
    this.#repair.restart();
    this.#state = 'waiting';
  }

  #goLive(): void {
    this.#state = 'live';
    this.#cancelBurst();
  }

  #cancelBurst(): void {
    if (this.#burstDueMs === undefined) return;
    this.#burstDueMs = undefined;
    this.#context.deadlines.delete(this);
  }

  /** The viewer lost its pictures and cannot be helped by old packets. */
  #rejoin(nowMs: number): void {
    const source = this.#source;
    if (source === undefined || this.#state === 'idle' || nowMs - this.#lastJoinMs < REJOIN_INTERVAL_MS)
      return;
    // Without pictures because its path cannot carry them, or they are on their way: a burst would not help.
    if (this.#gate.isClosed || this.#burstDueMs !== undefined) return;
    const gop = this.#state === 'waiting' ? undefined : source.gops.current;
    source.wishKeyFrame(gop !== undefined, nowMs);
    // Live goes on until the key frame comes: stopping it would not help anybody.
    if (gop === undefined || keyFrameDueMs(source, gop, nowMs) !== undefined) return;
    if (this.#state === 'bursting') this.#catchUp.drop();
    this.#burst(gop, nowMs);
  }

  #burst(gop: Gop, nowMs: number): void {
    this.#state = 'bursting';
    this.#isSparing = false;
    this.#bursts += 1;
    this.#lastJoinMs = nowMs;
    this.#cancelBurst();
    this.#catchUp.load(gop);
    this.#output.newFrame();
    this.#beginWith(gop, nowMs);
    this.#catchUp.run(nowMs);
  }

  /** The viewer's pictures begin with this key frame, and its packets with what a decoder needs before it. */
  #beginWith(gop: Gop, nowMs: number): void {
    this.#gate.open(nowMs);
    this.#repair.restart();
    this.#output.restart(this.#source?.clock, nowMs);
    this.#output.sendReport(nowMs);
    this.#output.sendPreamble(this.#source, gop, 2, nowMs);
    this.#begins += 1;
    this.#firstKeyFrameAtMs ??= nowMs;
  }
}
