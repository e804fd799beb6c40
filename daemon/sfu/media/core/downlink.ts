/**
 * One media section of a viewer: which source or encodings it is fed from, whether anything is sent at all, and its
 * figures. Which packets are sent is the feed's, where they stand is the output's.
 */
import type { BurstPacer } from './burst-pacer.ts';
import type { CoreContext } from './core-context.ts';
import { FrameGate } from './frame-gate.ts';
import type { StreamTransport } from './outbound-stream.ts';
import { PictureFeed } from './picture-feed.ts';
import type { ReportBlock } from './rtcp-packet.ts';
import type { SlowTracks, SpareableDownlink } from './slow-tracks.ts';
import { SoundFeed } from './sound-feed.ts';
import { ownSource, type CoreSource, type Encoding } from './source.ts';
import type { Downlink, DownlinkOptions, DownlinkStats, HeldTrack, MediaSource } from './types.ts';
import type { Feed } from './viewer-feed.ts';
import type { LayeredDownlink, ViewerLayers } from './viewer-layers.ts';
import { ViewerOutput } from './viewer-output.ts';
import { ViewerRepair } from './viewer-repair.ts';

export class CoreDownlink implements Downlink, LayeredDownlink, SpareableDownlink {
  readonly ssrc: number;
  readonly options: DownlinkOptions;
  readonly #context: CoreContext;
  readonly #layers: ViewerLayers;
  readonly #slow: SlowTracks;
  readonly #onClosed: (downlink: CoreDownlink) => void;
  readonly #output: ViewerOutput;
  readonly #repair: ViewerRepair;
  readonly #feed: Feed;
  #isClosed = false;
  #isPaused = false;
  #isHeld = false;
  #height: number | undefined;
  #plisReceived = 0;

  constructor(
    context: CoreContext,
    pacer: BurstPacer,
    choices: { layers: ViewerLayers; slow: SlowTracks },
    transport: StreamTransport,
    options: DownlinkOptions,
    onClosed: (downlink: CoreDownlink) => void,
  ) {
    this.#context = context;
    this.#layers = choices.layers;
    this.#slow = choices.slow;
    this.options = options;
    this.ssrc = options.ssrc;
    this.#onClosed = onClosed;
    const output = new ViewerOutput(context, transport, options);
    const repair = new ViewerRepair(output.stream);
    this.#output = output;
    this.#repair = repair;
    if (options.kind === 'audio') this.#feed = new SoundFeed(output, repair);
    else {
      const gate = new FrameGate(transport.path, (nowMs) => this.sourceBitsPerSecond(nowMs));
      this.#feed = new PictureFeed(context, { pacer, output, repair, gate }, (nowMs) => {
        this.#slow.onSpared(this, nowMs);
      });
    }
  }

  /** For tests of the bounds: what the retransmission ring refers to. */
  get ring(): { bytes: number; span: number } {
    return this.#output.stream.ring;
  }

  get current(): Encoding | undefined {
    return this.#feed.encoding;
  }

  get pictures(): { due: number; spared: number } {
    return this.#feed.pictures;
  }

  get isSending(): boolean {
    return !this.#isStopped && !this.#isClosed;
  }

  get #isStopped(): boolean {
    return this.#isPaused || this.#isHeld;
  }

  /** @throws TypeError for a source of another core or of the other kind. */
  setSource(source: MediaSource | undefined, nowMs: number): void {
    if (this.#isClosed) return;
    const own = source === undefined ? undefined : ownSource(source, this.options.kind);
    this.#layers.delete(this);
    this.#moveTo(own, nowMs);
    if (own?.mayHaveLayers === true) this.#layers.set(this, [own], this.#height, nowMs);
  }

  /** @throws TypeError as `setSource`. */
  setLayers(sources: readonly MediaSource[], nowMs: number): void {
    if (this.#isClosed) return;
    const own = sources
      .map((source) => ownSource(source, this.options.kind))
      .filter((source) => !source.isClosed);
    const source = this.current?.source;
    if (source !== undefined && !own.includes(source)) this.#moveTo(undefined, nowMs);
    this.#layers.set(this, own, this.#height, nowMs);
  }

  setPayloadTypes(payloadType: number, rtxPayloadType: number | undefined): void {
    this.#output.stream.setPayloadTypes(payloadType, rtxPayloadType);
  }

  setHeight(height: number | undefined, nowMs: number): void {
    this.#height = height;
    this.#layers.setHeight(this, height, nowMs);
  }

  switchTo(encoding: Encoding, nowMs: number): void {
    if (!this.#isClosed) this.#feed.switchTo(encoding, this.#isStopped, nowMs);
  }

  probe(bytes: number, nowMs: number): number {
    const isOfUse = this.options.kind === 'video' && (this.#isHeld || this.#feed.isLive);
    return isOfUse ? this.#output.stream.probe(bytes, nowMs) : 0;
  }

  setPaused(paused: boolean, nowMs: number): void {
    if (this.#isClosed) return;
    const wasStopped = this.#isStopped;
    this.#isPaused = paused;
    this.#isHeld = false;
    this.#slow.forget(this);
    if (wasStopped !== paused) this.#stopOrStart(nowMs);
  }

  setHeld(held: HeldTrack | undefined, nowMs: number): void {
    if (this.#isClosed) return;
    this.#isHeld = held !== undefined;
    if (!this.#isPaused) this.#stopOrStart(nowMs);
    this.#context.events.downlinkHeld(this, held);
  }

  isAtLeast(nowMs: number): boolean {
    return this.#layers.isAtLeast(this, nowMs);
  }

  sourceBitsPerSecond(nowMs: number): number {
    return this.current?.bitsPerSecond(nowMs) ?? 0;
  }

  leastBitsPerSecond(nowMs: number): number {
    return this.#layers.leastBitsPerSecond(this, nowMs) ?? this.sourceBitsPerSecond(nowMs);
  }

  stats(): DownlinkStats {
    const { stream, firstPacketAtMs } = this.#output;
    const { asked, unanswerable, roundTripMs, fractionLost } = this.#repair;
    const { framesDropped, framesSpared, layerSwitches, bursts, begins, firstKeyFrameAtMs } =
      this.#feed.figures;
    return {
      ssrc: this.ssrc,
      packets: stream.packets,
      bytes: stream.bytes,
      retransmitted: stream.retransmitted,
      nacksReceived: asked,
      nacksUnanswerable: unanswerable,
      plisReceived: this.#plisReceived,
      framesDropped: framesDropped + framesSpared,
      framesSpared,
      isHeld: this.#isHeld,
      layerSwitches,
      rid: this.current?.source.options.rid ?? null,
      height: this.current?.height ?? null,
      probePackets: stream.probePackets,
      bursts,
      begins,
      firstPacketAtMs,
      firstKeyFrameAtMs,
      roundTripMs,
      fractionLost,
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#feed.setSource(undefined);
    this.#layers.delete(this);
    this.#slow.forget(this);
    this.#isClosed = true;
    this.#output.close();
    this.#onClosed(this);
  }

  // --- from the viewer ---

  onNack(sequenceNumbers: readonly number[], nowMs: number): void {
    this.#feed.onNack(sequenceNumbers, nowMs);
  }

  onPictureLoss(nowMs: number): void {
    this.#plisReceived += 1;
    this.#feed.onPictureLoss(nowMs);
  }

  onReport(block: ReportBlock, roundTripMs: number | undefined): void {
    this.#repair.onReport(block, roundTripMs);
  }

  #moveTo(source: CoreSource | undefined, nowMs: number): void {
    if (source === this.current?.source) return;
    this.#feed.setSource(source);
    if (!this.#isStopped) this.#feed.start(nowMs);
  }

  #stopOrStart(nowMs: number): void {
    if (this.#isStopped) this.#feed.stop();
    else this.#feed.start(nowMs);
  }
}
