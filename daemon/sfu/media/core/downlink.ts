/**
 * One media section of a viewer: decides which pictures are sent and on which timeline. A viewer joins,
 * resumes, changes source and recovers by one and the same re-join: parameter sets, then the cached group
 * of pictures paced on the send clock, then live. Sequence numbers and timestamps never break.
 */
import { PATIENT, PICTURE_END, SOON } from '../../../datagrams/sealed-flow.ts';
import { AudioNumbers } from './audio-numbers.ts';
import type { BurstPacer, Bursting } from './burst-pacer.ts';
import { randomBelow, type CoreContext, type Timed } from './core-context.ts';
import { FrameGate } from './frame-gate.ts';
import { framesFrom, type Gop } from './gop-cache.ts';
import { keyFrameDueMs } from './key-frame-due.ts';
import type { MediaPacket } from './media-packet.ts';
import { OutboundStream, type StreamTransport } from './outbound-stream.ts';
import type { ReportBlock } from './rtcp-packet.ts';
import { JoinLoss } from './join-loss.ts';
import { LayerSwitch } from './layer-switch.ts';
import { ownSource, type CoreSource, type SourceListener } from './source.ts';
import type { SlowTracks, SpareableDownlink } from './slow-tracks.ts';
import type { Downlink, DownlinkOptions, DownlinkStats, HeldTrack, MediaSource } from './types.ts';
import type { LayeredDownlink, ViewerLayers } from './viewer-layers.ts';
import { ViewerTimeline } from './viewer-timeline.ts';
import { Vp8Continuity } from './vp8-continuity.ts';

/** One re-join per half second: what a viewer asks for meanwhile is on its way. */
export const REJOIN_INTERVAL_MS = 500;
/** How late the awaited key frame may be before the burst starts after all. */
const KEY_FRAME_GRACE_MS = 100;
/** A frame younger than this is live: the viewer has caught up. */
const CAUGHT_UP_MS = 25;
/** A key frame this young makes asking for another pointless. */
const FRESH_KEY_FRAME_MS = 1000;
const REPORT_MS = 1000;

/**
 * `waiting`: for the next key frame. `bursting`: behind, the pacer sends. `live`: each packet as it comes.
 */
type State = 'idle' | 'waiting' | 'bursting' | 'live' | 'closed';

export class CoreDownlink
  implements Downlink, LayeredDownlink, SpareableDownlink, SourceListener, Bursting, Timed
{
  readonly ssrc: number;
  readonly options: DownlinkOptions;
  readonly #context: CoreContext;
  readonly #pacer: BurstPacer;
  readonly #layers: ViewerLayers;
  readonly #slow: SlowTracks;
  readonly #onClosed: (downlink: CoreDownlink) => void;
  readonly #stream: OutboundStream;
  #state: State = 'idle';
  #isPaused = false;
  #isHeld = false;
  readonly pictures = { due: 0, spared: 0 };
  #source: CoreSource | undefined;

  readonly #timeline: ViewerTimeline;
  #gop: Gop | undefined;
  #cursor = 0;
  #lastJoinMs = -Infinity;
  /** Where the last re-join began: older packets are not worth repeating. */
  #joinIndex = 0;
  readonly #joinLoss = new JoinLoss();

  /** A move to another encoding, until its key frame comes. */
  #switch: LayerSwitch | undefined;
  #height: number | undefined;
  readonly #gate: FrameGate;
  /** The picture under way is not sent to this viewer. */
  #isSparing = false;
  /** A frame was begun and not ended. */
  #isFrameOpen = false;
  #continuity: Vp8Continuity | undefined;

  readonly #audioNumbers = new AudioNumbers();
  /** Deadlines behind the one entry in the queue. */
  #reportDueMs: number | undefined;
  #burstDueMs: number | undefined;
  #sentSinceReport = false;

  #nacksReceived = 0;
  #nacksUnanswerable = 0;
  #plisReceived = 0;
  #framesDropped = 0;
  #bursts = 0;
  #layerSwitches = 0;
  #firstPacketAtMs: number | null = null;
  #firstKeyFrameAtMs: number | null = null;
  #roundTripMs: number | null = null;
  #fractionLost: number | null = null;

  constructor(
    context: CoreContext,
    pacer: BurstPacer,
    choices: { layers: ViewerLayers; slow: SlowTracks },
    transport: StreamTransport,
    options: DownlinkOptions,
    onClosed: (downlink: CoreDownlink) => void,
  ) {
    this.#context = context;
    this.#pacer = pacer;
    this.#layers = choices.layers;
    this.#slow = choices.slow;
    this.options = options;
    this.ssrc = options.ssrc;
    this.#stream = new OutboundStream(context, transport, options);
    this.#timeline = new ViewerTimeline(() => randomBelow(context, 0x1_0000_0000) + 0x1_0000_0000);
    this.#gate = new FrameGate(transport.path, (nowMs) => this.sourceBitsPerSecond(nowMs));
    this.#onClosed = onClosed;
  }

  /** For tests of the bounds: what the retransmission ring refers to. */
  get ring(): { bytes: number; span: number } {
    return this.#stream.ring;
  }

  get current(): CoreSource | undefined {
    return this.#source;
  }

  get isSending(): boolean {
    return !this.#isStopped && this.#state !== 'closed';
  }

  get #isStopped(): boolean {
    return this.#isPaused || this.#isHeld;
  }

  /** @throws TypeError for a source of another core or of the other kind. */
  setSource(source: MediaSource | undefined, nowMs: number): void {
    if (this.#state === 'closed') return;
    const own = source === undefined ? undefined : ownSource(source, this.options.kind);
    this.#layers.delete(this);
    this.#moveTo(own, nowMs);
  }

  /** @throws TypeError as `setSource`. */
  setLayers(sources: readonly MediaSource[], nowMs: number): void {
    if (this.#state === 'closed') return;
    const own = sources
      .map((source) => ownSource(source, this.options.kind))
      .filter((source) => !source.isClosed);
    if (this.#source !== undefined && !own.includes(this.#source)) this.#moveTo(undefined, nowMs);
    this.#layers.set(this, own, this.#height, nowMs);
  }

  setPayloadTypes(payloadType: number, rtxPayloadType: number | undefined): void {
    this.#stream.setPayloadTypes(payloadType, rtxPayloadType);
  }

  setHeight(height: number | undefined, nowMs: number): void {
    this.#height = height;
    this.#layers.setHeight(this, height, nowMs);
  }

  /** Moves to another encoding at its next key frame; the one under way goes on until then. */
  switchTo(source: CoreSource, nowMs: number): void {
    if (this.#state === 'closed' || this.#switch?.source === source) return;
    this.#cancelSwitch();
    if (source === this.#source) return;
    if (this.#state !== 'live') {
      this.#moveTo(source, nowMs);
      return;
    }
    this.#switch = new LayerSwitch(source, {
      ready: (gop, isOverdue, atMs) => {
        if (!this.#isFrameOpen || isOverdue) this.#completeSwitch(gop, atMs);
      },
      gone: () => {
        this.#switch = undefined;
      },
    });
    this.#switch.start(nowMs);
  }

  probe(bytes: number, nowMs: number): number {
    const isOfUse = this.options.kind === 'video' && (this.#isHeld || this.#state === 'live');
    return isOfUse ? this.#stream.probe(bytes, nowMs) : 0;
  }

  setPaused(paused: boolean, nowMs: number): void {
    if (this.#state === 'closed') return;
    const wasStopped = this.#isStopped;
    this.#isPaused = paused;
    this.#isHeld = false;
    this.#slow.forget(this);
    if (wasStopped !== paused) this.#stopOrJoin(nowMs);
  }

  setHeld(held: HeldTrack | undefined, nowMs: number): void {
    if (this.#state === 'closed') return;
    this.#isHeld = held !== undefined;
    if (!this.#isPaused) this.#stopOrJoin(nowMs);
    this.#context.events.downlinkHeld(this, held);
  }

  isAtLeast(nowMs: number): boolean {
    return this.#layers.isAtLeast(this, nowMs);
  }

  leastBitsPerSecond(nowMs: number): number {
    return this.#layers.leastBitsPerSecond(this, nowMs) ?? this.sourceBitsPerSecond(nowMs);
  }

  #stopOrJoin(nowMs: number): void {
    this.#lastJoinMs = -Infinity;
    if (this.#isStopped) this.#halt();
    else this.#join(nowMs);
  }

  stats(): DownlinkStats {
    return {
      ssrc: this.ssrc,
      packets: this.#stream.packets,
      bytes: this.#stream.bytes,
      retransmitted: this.#stream.retransmitted,
      nacksReceived: this.#nacksReceived,
      nacksUnanswerable: this.#nacksUnanswerable,
      plisReceived: this.#plisReceived,
      framesDropped: this.#framesDropped + this.#gate.spared,
      framesSpared: this.#gate.spared,
      isHeld: this.#isHeld,
      layerSwitches: this.#layerSwitches,
      rid: this.#source?.options.rid ?? null,
      probePackets: this.#stream.probePackets,
      bursts: this.#bursts,
      firstPacketAtMs: this.#firstPacketAtMs,
      firstKeyFrameAtMs: this.#firstKeyFrameAtMs,
      roundTripMs: this.#roundTripMs,
      fractionLost: this.#fractionLost,
    };
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#halt();
    this.#layers.delete(this);
    this.#slow.forget(this);
    this.#source?.detach(this);
    this.#source = undefined;
    this.#state = 'closed';
    this.#reportDueMs = undefined;
    this.#context.deadlines.delete(this);
    this.#stream.ring.clear();
    this.#onClosed(this);
  }

  // --- from the source ---

  onKeyFrame(gop: Gop, isResync: boolean, nowMs: number): void {
    switch (this.#state) {
      case 'idle':
      case 'closed':
        return;
      case 'live': {
        const wasClosed = this.#gate.isClosed;
        // Parameter sets of the same picture may have come before: this packet decides for it.
        this.#isSparing = !this.#gate.onKeyFrame(nowMs);
        if (this.#isSparing) return;
        this.#joinIndex = this.#stream.nextIndex;
        if (!isResync && !wasClosed) return;
        this.#continuity?.restart();
        this.#timeline.anchor(this.#source?.clock, nowMs);
        this.#sendPreamble(1, gop, nowMs);
        return;
      }
      case 'bursting':
        // Everything unsent is old news; on the send clock the jump shows as no gap.
        this.#dropBurst();
        break;
      case 'waiting':
        if (!this.#gate.onKeyFrame(nowMs)) return;
        break;
    }
    this.#gate.open(nowMs);
    this.#goLive();
    this.#continuity?.restart();
    this.#joinIndex = this.#stream.nextIndex;
    this.#timeline.anchor(this.#source?.clock, nowMs);
    this.#sendReport(nowMs);
    this.#sendPreamble(2, gop, nowMs);
    this.#firstKeyFrameAtMs ??= nowMs;
  }

  onPacket(packet: MediaPacket, nowMs: number): void {
    if (this.#state !== 'live') return;
    if (this.options.kind === 'audio') this.#sendAudio(packet, nowMs);
    else {
      this.#sendUnlessSpared(packet, nowMs);
      const gop = this.#switch?.gop;
      if (gop !== undefined && packet.marker) this.#completeSwitch(gop, nowMs);
    }
  }

  /** Decides for whole pictures: what was begun is sent to its end. */
  #sendUnlessSpared(packet: MediaPacket, nowMs: number): void {
    const source = this.#source;
    if (packet.isFrameStart && source !== undefined) {
      const isKeyFrame = packet.timestamp === source.keyFrameTimestamp;
      this.#isSparing = isKeyFrame
        ? this.#gate.isClosed
        : this.#gate.onFrame(source.codec, packet.payload, nowMs) === 'spare';
      this.pictures.due += 1;
      if (this.#isSparing) {
        this.pictures.spared += 1;
        this.#slow.onSpared(this, nowMs);
        this.#continuity?.skipPicture();
        if (this.#gate.shouldAsk(nowMs)) source.requestKeyFrame(nowMs);
      }
    }
    if (this.#isSparing) this.#context.drops.add('slow-viewer');
    else this.#sendVideo(packet, true, nowMs);
  }

  onCacheDiscarded(): void {
    if (this.#state !== 'bursting') return;
    this.#dropBurst();
    this.#await();
  }

  onSourceClosed(): void {
    this.#halt();
    this.#source = undefined;
  }

  // --- from the pacer ---

  sourceBitsPerSecond(nowMs: number): number {
    return this.#source?.bitsPerSecond(nowMs) ?? 0;
  }

  burstNext(nowMs: number): number {
    const gop = this.#gop;
    if (this.#state !== 'bursting' || gop === undefined) return 0;
    const packet = gop.packets[this.#cursor];
    if (packet === undefined || nowMs - packet.releasedMs < CAUGHT_UP_MS) {
      // What is left is live; it goes out now, in order, on its own timestamps.
      for (; this.#cursor < gop.packets.length; this.#cursor += 1) {
        const rest = gop.packets[this.#cursor];
        if (rest !== undefined) this.#sendVideo(rest, true, nowMs);
      }
      this.#goLive();
      return 0;
    }
    if (this.#gate.isOverfull(nowMs)) {
      this.#stopBurst();
      return 0;
    }
    this.#cursor += 1;
    this.#joinLoss.onSent();
    return this.#sendVideo(packet, false, nowMs);
  }

  // --- from the viewer ---

  onNack(sequenceNumbers: readonly number[], nowMs: number): void {
    if (!this.#gate.mayRepeat(nowMs)) {
      this.#nacksReceived += sequenceNumbers.length;
      return;
    }
    let isHopeless = false;
    for (const sequenceNumber of sequenceNumbers) {
      this.#nacksReceived += 1;
      const index = this.#stream.indexOf(sequenceNumber);
      if (this.#state === 'bursting' && index >= this.#joinIndex) this.#joinLoss.onAsked();
      const verdict = this.#stream.resend(sequenceNumber, this.#roundTripMs ?? undefined, nowMs);
      if (verdict !== 'gone') continue;
      this.#nacksUnanswerable += 1;
      // What was sent before the last key frame is of no use to the viewer any more.
      if (index >= this.#joinIndex) isHopeless = true;
    }
    if (this.#state === 'bursting' && this.#joinLoss.isTooMuch) {
      this.#stopBurst();
      return;
    }
    if (isHopeless && this.options.kind === 'video') this.#rejoin(nowMs);
  }

  onPictureLoss(nowMs: number): void {
    this.#plisReceived += 1;
    this.#rejoin(nowMs);
  }

  onReport(block: ReportBlock, roundTripMs: number | undefined): void {
    this.#fractionLost = block.fractionLost;
    if (roundTripMs !== undefined) this.#roundTripMs = roundTripMs;
  }

  onDeadline(nowMs: number): void {
    if (this.#state === 'closed') return;
    if (this.#burstDueMs !== undefined && nowMs >= this.#burstDueMs) {
      this.#burstDueMs = undefined;
      const gop = this.#source?.gops.current;
      if (this.#state === 'waiting' && gop !== undefined) this.#burst(gop, nowMs);
    }
    if (this.#reportDueMs !== undefined && nowMs >= this.#reportDueMs) {
      this.#reportDueMs = undefined;
      if (this.#sentSinceReport) this.#sendReport(nowMs);
    }
    this.#arm();
  }

  // --- states ---

  #moveTo(source: CoreSource | undefined, nowMs: number): void {
    if (source === this.#source) return;
    this.#halt();
    this.#attach(source);
    this.#lastJoinMs = -Infinity;
    if (!this.#isStopped) this.#join(nowMs);
  }

  #attach(source: CoreSource | undefined): void {
    this.#source?.detach(this);
    this.#source = source === undefined || source.isClosed ? undefined : source;
    this.#source?.attach(this);
    if (source?.codec === 'VP8') this.#continuity ??= new Vp8Continuity();
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
    this.#continuity?.restart();
    this.#joinIndex = this.#stream.nextIndex;
    this.#timeline.newFrame();
    this.#timeline.anchor(this.#source?.clock, nowMs);
    this.#sendPreamble(1, gop, nowMs);
    for (const packet of gop.packets) this.#sendVideo(packet, true, nowMs);
  }

  #cancelSwitch(): void {
    this.#switch?.cancel();
    this.#switch = undefined;
  }

  #halt(): void {
    this.#cancelSwitch();
    this.#isFrameOpen = false;
    if (this.#state === 'bursting') this.#dropBurst();
    this.#state = 'idle';
    this.#gop = undefined;
    this.#burstDueMs = undefined;
    this.#audioNumbers.restart();
  }

  #dropBurst(): void {
    this.#pacer.delete(this);
    this.#framesDropped += framesFrom(this.#gop, this.#cursor);
  }

  /** The path is too narrow for a burst: more of it would only delay the next key frame. */
  #stopBurst(): void {
    this.#dropBurst();
    this.#joinIndex = this.#stream.nextIndex;
    this.#await();
  }

  #await(): void {
    this.#state = 'waiting';
    this.#gop = undefined;
  }

  #goLive(): void {
    this.#state = 'live';
    this.#gop = undefined;
    this.#burstDueMs = undefined;
  }

  /** Start, resume, or another source. */
  #join(nowMs: number): void {
    const source = this.#source;
    if (source === undefined) return;
    if (this.options.kind === 'audio') {
      this.#goLive();
      return;
    }
    this.#await();
    const gop = source.gops.current;
    const isOld = gop === undefined || nowMs - gop.startMs > FRESH_KEY_FRAME_MS;
    if (isOld) source.wishKeyFrame(gop !== undefined, nowMs);
    if (gop === undefined) return;
    const dueMs = keyFrameDueMs(source, gop, nowMs);
    if (dueMs === undefined) {
      this.#burst(gop, nowMs);
    } else {
      this.#burstDueMs = nowMs + dueMs + KEY_FRAME_GRACE_MS;
      this.#arm();
    }
  }

  /** The viewer lost its pictures and cannot be helped by old packets. */
  #rejoin(nowMs: number): void {
    const source = this.#source;
    if (source === undefined || this.#isStopped || nowMs - this.#lastJoinMs < REJOIN_INTERVAL_MS) return;
    // Without pictures because its path cannot carry them, or they are on their way: a burst would not help.
    if (this.#gate.isClosed || this.#burstDueMs !== undefined) return;
    const gop = this.#state === 'waiting' ? undefined : source.gops.current;
    source.wishKeyFrame(gop !== undefined, nowMs);
    // Live goes on until the key frame comes: stopping it would not help anybody.
    if (gop === undefined || keyFrameDueMs(source, gop, nowMs) !== undefined) return;
    if (this.#state === 'bursting') this.#dropBurst();
    this.#burst(gop, nowMs);
  }

  #burst(gop: Gop, nowMs: number): void {
    this.#state = 'bursting';
    this.#gate.open(nowMs);
    this.#isSparing = false;
    this.#bursts += 1;
    this.#lastJoinMs = nowMs;
    this.#burstDueMs = undefined;
    this.#gop = gop;
    this.#cursor = 0;
    this.#joinIndex = this.#stream.nextIndex;
    this.#joinLoss.restart();
    this.#timeline.newFrame();
    this.#continuity?.restart();
    this.#timeline.anchor(this.#source?.clock, nowMs);
    this.#sendReport(nowMs);
    this.#sendPreamble(2, gop, nowMs);
    this.#firstKeyFrameAtMs ??= nowMs;
    this.#pacer.add(this, nowMs);
  }

  // --- packets ---

  /** Parameter sets on the key frame's own timestamp, so that they belong to its access unit. */
  #sendPreamble(times: number, gop: Gop, nowMs: number): void {
    const preamble = this.#source?.preamble;
    if (preamble === undefined) return;
    const first = gop.packets[0];
    const isLive = first === undefined || nowMs - first.releasedMs < CAUGHT_UP_MS;
    const frame = first?.timestamp ?? this.#source?.keyFrameTimestamp ?? NaN;
    const timestamp = this.#timeline.ofFrame(frame, isLive, nowMs);
    for (let time = 0; time < times; time += 1) {
      // A lost first packet is never asked for again, so it exists twice.
      this.#noteSent(nowMs);
      const pace = isLive ? PATIENT : SOON;
      this.#stream.send(this.#stream.nextIndex, preamble, false, timestamp, pace, nowMs);
    }
  }

  #sendVideo(packet: MediaPacket, isLive: boolean, nowMs: number): number {
    const timestamp = this.#timeline.ofVideo(packet, isLive, nowMs);
    this.#isFrameOpen = !packet.marker;
    const payload = this.#continuity?.rewrite(packet.payload) ?? packet.payload;
    // A burst has a pace of its own.
    const pace = isLive ? (packet.marker ? PICTURE_END : PATIENT) : SOON;
    this.#noteSent(nowMs);
    return this.#stream.send(this.#stream.nextIndex, payload, packet.marker, timestamp, pace, nowMs);
  }

  #sendAudio(packet: MediaPacket, nowMs: number): void {
    if (!this.#timeline.follows(packet.clock)) {
      this.#timeline.anchor(packet.clock, nowMs);
      this.#audioNumbers.restart();
    }
    const place = this.#audioNumbers.place(packet.sequence, this.#stream.nextIndex);
    if (place === undefined) {
      this.#context.drops.add('before-join');
      return;
    }
    const { index, isRestart } = place;
    if (isRestart && this.#stream.packets === 0) this.#sendReport(nowMs);
    const timestamp = this.#timeline.ofAudio(packet, isRestart);
    this.#noteSent(nowMs);
    this.#stream.send(index, packet.payload, packet.marker, timestamp, SOON, nowMs);
  }

  #noteSent(nowMs: number): void {
    this.#firstPacketAtMs ??= nowMs;
    this.#sentSinceReport = true;
    if (this.#reportDueMs === undefined) this.#scheduleReport(nowMs);
  }

  #sendReport(nowMs: number): void {
    const timestamp = this.#timeline.at(nowMs);
    if (timestamp === undefined) return;
    this.#sentSinceReport = false;
    this.#stream.sendReport(timestamp, nowMs);
    this.#scheduleReport(nowMs);
  }

  #scheduleReport(nowMs: number): void {
    // Half to one interval (RFC 3550 section 6.2): reports of many viewers do not fall together.
    this.#reportDueMs = nowMs + REPORT_MS * (0.5 + this.#context.random() / 2);
    this.#arm();
  }

  #arm(): void {
    const atMs = Math.min(this.#reportDueMs ?? Infinity, this.#burstDueMs ?? Infinity);
    if (atMs === Infinity) this.#context.deadlines.delete(this);
    else this.#context.deadlines.set(this, atMs);
  }
}
