/**
 * One media section of a viewer: decides which pictures are sent and on which timeline. A viewer joins,
 * resumes, changes source and recovers by one and the same re-join: parameter sets, then the cached group
 * of pictures paced on the send clock, then live. Sequence numbers and timestamps never break.
 */
import type { BurstPacer, Bursting } from './burst-pacer.ts';
import { randomBelow, type CoreContext, type Timed } from './core-context.ts';
import type { Gop } from './gop-cache.ts';
import type { MediaPacket } from './media-packet.ts';
import { OutboundStream, type StreamTransport } from './outbound-stream.ts';
import type { ReportBlock } from './rtcp-packet.ts';
import type { SourceClock } from './source-clock.ts';
import { LayerSwitch } from './layer-switch.ts';
import { CoreSource, type SourceListener } from './source.ts';
import type { Downlink, DownlinkOptions, DownlinkStats, MediaSource } from './types.ts';
import type { LayeredDownlink, ViewerLayers } from './viewer-layers.ts';
import { Vp8Continuity } from './vp8-continuity.ts';

/** One re-join per half second: what a viewer asks for meanwhile is on its way. */
export const REJOIN_INTERVAL_MS = 500;
/** A key frame due this soon is cheaper than a burst. */
export const KEY_FRAME_DUE_MS = 150;
/** How late the awaited key frame may be before the burst starts after all. */
const KEY_FRAME_GRACE_MS = 100;
/** A frame younger than this is live: the viewer has caught up. */
const CAUGHT_UP_MS = 25;
/** A key frame this young makes asking for another pointless. */
const FRESH_KEY_FRAME_MS = 1000;
/** Smallest step between two frames. */
const MIN_STEP = 90;
/** A burst of which more than this part is asked for again does not fit the path. */
const NARROW_PATH_SHARE = 0.25;
const NARROW_PATH_MIN_PACKETS = 20;
const REPORT_MS = 1000;
/** Audio packets missing in a row that are still shown as missing, not as a new start. */
const MAX_AUDIO_GAP = 3000;

/**
 * `waiting`: for the next key frame. `bursting`: behind, the pacer sends. `live`: each packet as it comes.
 */
type State = 'idle' | 'waiting' | 'bursting' | 'live' | 'closed';

export class CoreDownlink implements Downlink, LayeredDownlink, SourceListener, Bursting, Timed {
  readonly ssrc: number;
  readonly options: DownlinkOptions;
  readonly #context: CoreContext;
  readonly #pacer: BurstPacer;
  readonly #layers: ViewerLayers;
  readonly #onClosed: (downlink: CoreDownlink) => void;
  readonly #stream: OutboundStream;
  #state: State = 'idle';
  #isPaused = false;
  #source: CoreSource | undefined;

  /** The timeline: our timestamp = `clock` timestamp + `offset`. */
  #clock: SourceClock | undefined;
  #offset = 0;
  #lastTimestamp: number | undefined;
  /** Source timestamp of the frame being sent, NaN to start a new one with the next packet. */
  #frame = NaN;

  #gop: Gop | undefined;
  #cursor = 0;
  #lastJoinMs = -Infinity;
  /** Where the last re-join began: older packets are not worth repeating. */
  #joinIndex = 0;
  #joinPackets = 0;
  #joinNacked = 0;

  /** A move to another encoding, until its key frame comes. */
  #switch: LayerSwitch | undefined;
  #height: number | undefined;
  /** A frame was begun and not ended. */
  #isFrameOpen = false;
  #continuity: Vp8Continuity | undefined;

  #audioBase: { sequence: number; index: number } | undefined;
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
    layers: ViewerLayers,
    transport: StreamTransport,
    options: DownlinkOptions,
    onClosed: (downlink: CoreDownlink) => void,
  ) {
    this.#context = context;
    this.#pacer = pacer;
    this.#layers = layers;
    this.options = options;
    this.ssrc = options.ssrc;
    this.#stream = new OutboundStream(context, transport, options);
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
    return !this.#isPaused && this.#state !== 'closed';
  }

  /** @throws TypeError for a source of another core or of the other kind. */
  setSource(source: MediaSource | undefined, nowMs: number): void {
    if (this.#state === 'closed') return;
    const own = source === undefined ? undefined : this.#own(source);
    this.#layers.delete(this);
    this.#moveTo(own, nowMs);
  }

  /** @throws TypeError as `setSource`. */
  setLayers(sources: readonly MediaSource[], nowMs: number): void {
    if (this.#state === 'closed') return;
    const own = sources.map((source) => this.#own(source)).filter((source) => !source.isClosed);
    if (this.#source !== undefined && !own.includes(this.#source)) this.#moveTo(undefined, nowMs);
    this.#layers.set(this, own, this.#height, nowMs);
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
    return this.#state === 'live' && this.options.kind === 'video' ? this.#stream.probe(bytes, nowMs) : 0;
  }

  setPaused(paused: boolean, nowMs: number): void {
    if (this.#state === 'closed' || paused === this.#isPaused) return;
    this.#isPaused = paused;
    this.#lastJoinMs = -Infinity;
    if (paused) this.#halt();
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
      framesDropped: this.#framesDropped,
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
      case 'live':
        this.#joinIndex = this.#stream.nextIndex;
        if (!isResync) return;
        this.#continuity?.restart();
        this.#reanchor(nowMs);
        this.#sendPreamble(1, gop, nowMs);
        return;
      case 'bursting':
        // Everything unsent is old news; on the send clock the jump shows as no gap.
        this.#countUnsent();
        this.#pacer.delete(this);
        break;
      case 'waiting':
        break;
    }
    this.#goLive();
    this.#continuity?.restart();
    this.#joinIndex = this.#stream.nextIndex;
    this.#reanchor(nowMs);
    this.#sendReport(nowMs);
    this.#sendPreamble(2, gop, nowMs);
    this.#firstKeyFrameAtMs ??= nowMs;
  }

  onPacket(packet: MediaPacket, nowMs: number): void {
    if (this.#state !== 'live') return;
    if (this.options.kind === 'audio') this.#sendAudio(packet, nowMs);
    else {
      this.#sendVideo(packet, true, nowMs);
      const gop = this.#switch?.gop;
      if (gop !== undefined && packet.marker) this.#completeSwitch(gop, nowMs);
    }
  }

  onCacheDiscarded(): void {
    if (this.#state !== 'bursting') return;
    this.#pacer.delete(this);
    this.#countUnsent();
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
    this.#cursor += 1;
    this.#joinPackets += 1;
    return this.#sendVideo(packet, false, nowMs);
  }

  // --- from the viewer ---

  onNack(sequenceNumbers: readonly number[], nowMs: number): void {
    let isHopeless = false;
    for (const sequenceNumber of sequenceNumbers) {
      this.#nacksReceived += 1;
      const index = this.#stream.indexOf(sequenceNumber);
      if (this.#state === 'bursting' && index >= this.#joinIndex) this.#joinNacked += 1;
      const verdict = this.#stream.resend(sequenceNumber, this.#roundTripMs ?? undefined, nowMs);
      if (verdict !== 'gone') continue;
      this.#nacksUnanswerable += 1;
      // What was sent before the last key frame is of no use to the viewer any more.
      if (index >= this.#joinIndex) isHopeless = true;
    }
    if (
      this.#state === 'bursting' &&
      this.#joinNacked > NARROW_PATH_MIN_PACKETS &&
      this.#joinNacked > this.#joinPackets * NARROW_PATH_SHARE
    ) {
      // The path is too narrow for a burst: more of it would only delay the next key frame.
      this.#pacer.delete(this);
      this.#countUnsent();
      this.#joinIndex = this.#stream.nextIndex;
      this.#await();
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

  /** @throws TypeError for a source of another core or of the other kind. */
  #own(source: MediaSource): CoreSource {
    if (!(source instanceof CoreSource)) {
      throw new TypeError('The source belongs to no media core of this implementation');
    }
    if (source.kind !== this.options.kind) {
      throw new TypeError(`Cannot send ${source.kind} on a media section of kind ${this.options.kind}`);
    }
    return source;
  }

  #moveTo(source: CoreSource | undefined, nowMs: number): void {
    if (source === this.#source) return;
    this.#halt();
    this.#attach(source);
    this.#lastJoinMs = -Infinity;
    if (!this.#isPaused) this.#join(nowMs);
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
    this.#continuity?.restart();
    this.#joinIndex = this.#stream.nextIndex;
    this.#frame = NaN;
    this.#reanchor(nowMs);
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
    if (this.#state === 'bursting') {
      this.#pacer.delete(this);
      this.#countUnsent();
    }
    this.#state = 'idle';
    this.#gop = undefined;
    this.#burstDueMs = undefined;
    this.#audioBase = undefined;
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
    if (gop === undefined || nowMs - gop.startMs > FRESH_KEY_FRAME_MS) source.requestKeyFrame(nowMs);
    if (gop === undefined) return;
    const dueMs = this.#keyFrameDueMs(source, gop, nowMs);
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
    if (source === undefined || this.#isPaused || nowMs - this.#lastJoinMs < REJOIN_INTERVAL_MS) return;
    source.requestKeyFrame(nowMs);
    const gop = source.gops.current;
    if (gop === undefined || this.#state === 'waiting') return;
    // Live goes on until the key frame comes: stopping it would not help anybody.
    if (this.#keyFrameDueMs(source, gop, nowMs) !== undefined) return;
    if (this.#state === 'bursting') {
      this.#pacer.delete(this);
      this.#countUnsent();
    }
    this.#burst(gop, nowMs);
  }

  /** Time until a key frame that is due so soon that a burst does not pay; undefined otherwise. */
  #keyFrameDueMs(source: CoreSource, gop: Gop, nowMs: number): number | undefined {
    const dueMs = source.gops.nextKeyFrameInMs(nowMs);
    if (dueMs === undefined || dueMs < 0 || dueMs > KEY_FRAME_DUE_MS) return undefined;
    // With key frames this dense the cached one is as good.
    return nowMs - gop.startMs > KEY_FRAME_DUE_MS ? dueMs : undefined;
  }

  #burst(gop: Gop, nowMs: number): void {
    this.#state = 'bursting';
    this.#bursts += 1;
    this.#lastJoinMs = nowMs;
    this.#burstDueMs = undefined;
    this.#gop = gop;
    this.#cursor = 0;
    this.#joinIndex = this.#stream.nextIndex;
    this.#joinPackets = 0;
    this.#joinNacked = 0;
    this.#frame = NaN;
    this.#continuity?.restart();
    this.#reanchor(nowMs);
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
    const timestamp = this.#timestampOf(frame, isLive, nowMs);
    for (let time = 0; time < times; time += 1) {
      // A lost first packet is never asked for again, so it exists twice.
      this.#transmit(this.#stream.nextIndex, preamble, false, timestamp, nowMs);
    }
  }

  #sendVideo(packet: MediaPacket, isLive: boolean, nowMs: number): number {
    if (packet.clock !== this.#clock) this.#anchor(packet.clock, nowMs);
    const timestamp =
      packet.timestamp === this.#frame && this.#lastTimestamp !== undefined
        ? this.#lastTimestamp
        : this.#timestampOf(packet.timestamp, isLive, nowMs);
    this.#isFrameOpen = !packet.marker;
    const payload = this.#continuity?.rewrite(packet.payload) ?? packet.payload;
    return this.#transmit(this.#stream.nextIndex, payload, packet.marker, timestamp, nowMs);
  }

  #sendAudio(packet: MediaPacket, nowMs: number): void {
    if (packet.clock !== this.#clock) {
      this.#anchor(packet.clock, nowMs);
      this.#audioBase = undefined;
    }
    let base = this.#audioBase;
    const next = this.#stream.nextIndex;
    if (base === undefined || packet.sequence - base.sequence + base.index > next + MAX_AUDIO_GAP) {
      base = { sequence: packet.sequence, index: next };
      this.#audioBase = base;
      const last = this.#lastTimestamp ?? -1;
      if (packet.timestamp + this.#offset <= last) this.#offset = last + 1 - packet.timestamp;
      if (this.#stream.packets === 0) this.#sendReport(nowMs);
    }
    // Lost packets stay visible as gaps: the decoder conceals them.
    const index = packet.sequence - base.sequence + base.index;
    if (packet.sequence < base.sequence) {
      this.#context.drops.add('before-join');
      return;
    }
    const timestamp = packet.timestamp + this.#offset;
    if (this.#lastTimestamp === undefined || timestamp > this.#lastTimestamp) this.#lastTimestamp = timestamp;
    this.#transmit(index, packet.payload, packet.marker, timestamp, nowMs);
  }

  #transmit(index: number, payload: Buffer, marker: boolean, timestamp: number, nowMs: number): number {
    this.#firstPacketAtMs ??= nowMs;
    this.#sentSinceReport = true;
    if (this.#reportDueMs === undefined) this.#scheduleReport(nowMs);
    return this.#stream.send(index, payload, marker, timestamp, nowMs);
  }

  // --- timeline ---

  /** Our timestamp for a new frame; strictly greater than the last one. */
  #timestampOf(frame: number, isLive: boolean, nowMs: number): number {
    const own = (isLive ? frame : (this.#clock?.at(nowMs) ?? frame)) + this.#offset;
    const last = this.#lastTimestamp;
    const timestamp = Math.round(last === undefined ? own : Math.max(own, last + MIN_STEP));
    this.#frame = frame;
    this.#lastTimestamp = timestamp;
    return timestamp;
  }

  /** Takes over the source's newest clock. */
  #reanchor(nowMs: number): void {
    const clock = this.#source?.clock;
    if (clock !== undefined && clock !== this.#clock) this.#anchor(clock, nowMs);
  }

  /** Our line goes on where the old clock would be now. */
  #anchor(clock: SourceClock, nowMs: number): void {
    const now =
      this.#clock === undefined
        ? randomBelow(this.#context, 0x1_0000_0000) + 0x1_0000_0000
        : this.#clock.at(nowMs) + this.#offset;
    this.#clock = clock;
    this.#offset = Math.round(now - clock.at(nowMs));
    this.#frame = NaN;
  }

  #sendReport(nowMs: number): void {
    const clock = this.#clock;
    if (clock === undefined) return;
    this.#sentSinceReport = false;
    this.#stream.sendReport(clock.at(nowMs) + this.#offset, nowMs);
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

  #countUnsent(): void {
    const packets = this.#gop?.packets ?? [];
    for (let at = this.#cursor; at < packets.length; at += 1) {
      if (packets[at]?.isFrameStart === true) this.#framesDropped += 1;
    }
  }
}
