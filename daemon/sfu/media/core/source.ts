/**
 * One published track: restores order, repairs loss, knows key frames, keeps the cache, and hands each
 * packet once to every attached viewer. Owned by its peer.
 */
import { AudioLevel } from './audio-level.ts';
import { createCodecEye } from './codec-eye.ts';
import {
  CACHE_VOID,
  KEY_FRAME,
  KEY_FRAME_START,
  NOTHING,
  PARAMETERS_CHANGED,
  spatialLayerOf,
  type CodecEye,
} from './codec-facts.ts';
import type { CoreContext, Timed } from './core-context.ts';
import { GopCache, type Gop } from './gop-cache.ts';
import { HeaderElements } from './header-element.ts';
import { KeyFrameRequest } from './key-frame-request.ts';
import type { MediaPacket } from './media-packet.ts';
import { MAX_PAYLOAD_BYTES } from './packet-scratch.ts';
import { RateMeter } from './rate-meter.ts';
import type { ReceptionStatistics } from './reception-statistics.ts';
import type { RtpHeader } from './rtp-packet.ts';
import { DUPLICATE, SourceArrivals } from './source-arrivals.ts';
import { ALL_LAYERS, SpatialLayers, type SizedEncoding } from './spatial-layers.ts';
import { SourceClock } from './source-clock.ts';
import { STALL_AFTER_MS, type MediaSource, type SourceOptions, type SourceStats } from './types.ts';

/** How the source reaches its sender. */
export interface SourceLink {
  sendNack(mediaSsrc: number, sequenceNumbers: readonly number[]): void;
  sendPictureLossIndication(mediaSsrc: number): void;
  /** The source closed itself: forget its SSRCs. */
  onSourceClosed(source: CoreSource): void;
}

/** A viewer's downlink, as its source sees it. Calls come in the order of the stream. */
export interface SourceListener {
  /** A key frame begins with the next packet. `isResync`: packets before it were left out. */
  onKeyFrame(gop: Gop, isResync: boolean, nowMs: number): void;
  onPacket(packet: MediaPacket, nowMs: number): void;
  /** The cache was given up in the middle of a group of pictures. */
  onCacheDiscarded(): void;
  onSourceClosed(): void;
}

/** A source, or some layers of it. */
export type Encoding = SizedEncoding<CoreSource>;

/** A packet that waits for its turn. */
type Pending = {
  sequence: number;
  timestamp: number;
  marker: boolean;
  payload: Buffer;
  element: Buffer | undefined;
  arrivalMs: number;
  isKeyFrameStart: boolean;
};

/** How long a stream may begin without a key frame before one is asked for. */
const FIRST_KEY_FRAME_MS = 100;

export class CoreSource implements MediaSource, SizedEncoding<CoreSource>, Timed {
  readonly trackId: string;
  readonly kind: 'audio' | 'video';
  readonly codec: SourceOptions['codec'];
  readonly options: SourceOptions;
  readonly #context: CoreContext;
  readonly #link: SourceLink;
  readonly #eye: CodecEye | undefined;
  readonly #audioLevel = new AudioLevel();
  readonly #elements = new HeaderElements();
  readonly #layers: SpatialLayers<CoreSource> | undefined;
  readonly #own: readonly Encoding[] = [this];
  readonly top = ALL_LAYERS;
  readonly #arrivals: SourceArrivals<Pending>;
  readonly #frameRate = new RateMeter();
  readonly #gops = new GopCache();
  readonly #keyFrameRequest = new KeyFrameRequest();
  /** Replaced, never changed: a handler may attach or detach while it is iterated. */
  #listeners: readonly SourceListener[] = [];
  #state: 'waiting' | 'flowing' | 'stalled' | 'closed' = 'waiting';
  #ssrc: number | undefined;
  #clock: SourceClock | undefined;
  #lastTimestamp = -1;
  #keyFrameTimestamp = -1;
  #isResyncing = false;
  #armedMs: number | undefined;
  #nacksSent = 0;
  #plisSent = 0;

  constructor(context: CoreContext, link: SourceLink, options: SourceOptions) {
    this.#context = context;
    this.#link = link;
    this.options = options;
    this.trackId = options.trackId;
    this.kind = options.kind;
    this.codec = options.codec;
    this.#eye = options.kind === 'video' ? createCodecEye(options.codec) : undefined;
    this.#layers = this.#eye?.layerHeights === undefined ? undefined : new SpatialLayers<CoreSource>(this);
    const { clockRate, feedback } = options;
    this.#arrivals = new SourceArrivals({ clockRate, mayRequest: feedback.nack });
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The media SSRC that is bound, if any. */
  get ssrc(): number | undefined {
    return this.#ssrc;
  }

  /** The newest timeline; undefined before the first packet. */
  get clock(): SourceClock | undefined {
    return this.#clock;
  }

  get gops(): GopCache {
    return this.#gops;
  }

  /** Extended timestamp of the newest key frame. */
  get keyFrameTimestamp(): number {
    return this.#keyFrameTimestamp;
  }

  /** Parameter sets to send before a key frame. */
  get preamble(): Buffer | undefined {
    return this.#eye?.preamble;
  }

  /** Lines of the picture, null until a key frame told. */
  get height(): number | null {
    return this.#eye?.parameters.height ?? null;
  }

  /** All of it, as the only encoding or one of several of its track. */
  get source(): this {
    return this;
  }

  /** The sizes a viewer can be given, from the smallest to the largest; the last one is all of it. */
  get encodings(): readonly Encoding[] {
    return this.#layers?.encodings ?? this.#own;
  }

  /** Its one stream may hold several sizes (SVC). */
  get mayHaveLayers(): boolean {
    return this.#layers !== undefined;
  }

  /** True when a packet came since then. */
  hasSentSince(sinceMs: number): boolean {
    return (this.#arrivals.lastAtMs ?? -Infinity) >= sinceMs;
  }

  noteAudioLevel(element: number, nowMs: number): void {
    this.#audioLevel.note(element, nowMs);
  }

  /** What the header of one of its packets says for viewers too. */
  elementOf(packet: Buffer, header: RtpHeader): Buffer | undefined {
    const { audioLevelExtensionId, dependencyDescriptorExtensionId } = this.options;
    const id = audioLevelExtensionId ?? dependencyDescriptorExtensionId;
    return id === undefined ? undefined : this.#elements.take(packet, header, id);
  }

  loudness(nowMs: number): number {
    return this.#audioLevel.at(nowMs);
  }

  get reception(): ReceptionStatistics {
    return this.#arrivals.reception;
  }

  bitsPerSecond(nowMs: number): number {
    return this.#arrivals.bitsPerSecond(nowMs);
  }

  attach(listener: SourceListener): void {
    this.#listeners = [...this.#listeners, listener];
  }

  detach(listener: SourceListener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  /** Binds the media SSRC. Another one than before means a new stream: nothing of the old one counts. */
  bind(ssrc: number): void {
    if (this.#ssrc === ssrc) return;
    if (this.#ssrc !== undefined && this.#arrivals.packets > 0) this.#startAnew();
    this.#ssrc = ssrc;
  }

  /**
   * One decrypted packet of this source. `payload` is kept; it is empty for a packet of padding only.
   * @param element See `elementOf`. @param isRetransmission it came unwrapped from RTX, so receiver reports do not
   *   count it.
   */
  receive(
    sequenceNumber: number,
    timestamp: number,
    marker: boolean,
    payload: Buffer,
    element: Buffer | undefined,
    isRetransmission: boolean,
    nowMs: number,
  ): void {
    if (this.#state === 'closed') return;
    if (payload.length > MAX_PAYLOAD_BYTES) {
      this.#context.drops.add('too-large');
      return;
    }
    const { length } = payload;
    const sequence = this.#arrivals.place(sequenceNumber, timestamp, length, isRetransmission, nowMs);
    if (sequence === DUPLICATE) {
      this.#context.drops.add('duplicate');
      return;
    }
    if (this.#state !== 'flowing') this.#onFlowing(nowMs);
    const isKeyFrameStart = this.#eye !== undefined && this.#eye.startsKeyFrame(payload);
    const arrivalMs = nowMs;
    const pending: Pending = { sequence, timestamp, marker, payload, element, arrivalMs, isKeyFrameStart };
    if (this.#eye === undefined) {
      this.#release(pending, nowMs);
      return;
    }
    const { window } = this.#arrivals;
    switch (window.offer(pending, nowMs)) {
      case 'next':
        this.#release(pending, nowMs);
        this.#drain(nowMs);
        break;
      case 'held':
        break;
      case 'late':
        this.#context.drops.add('too-late');
        break;
      case 'restarted':
        this.#onHole(nowMs);
        this.#release(pending, nowMs);
        break;
    }
    this.#arm(this.#arrivals.window.deadlineMs);
  }

  /** The sender said BYE: no packet will come from this SSRC. */
  onBye(): void {
    if (this.#state !== 'flowing') return;
    this.#stall();
  }

  requestKeyFrame(nowMs: number): void {
    if (this.#state === 'closed' || this.#eye === undefined || !this.options.feedback.pli) return;
    this.#keyFrameRequest.want();
    this.#askForKeyFrame(nowMs);
  }

  /** For a viewer. Served from the cache, it is only spared the catching-up, by a sender that obeys. */
  wishKeyFrame(isServed: boolean, nowMs: number): void {
    if (!isServed) {
      this.requestKeyFrame(nowMs);
      return;
    }
    if (this.#ssrc === undefined || this.#state !== 'flowing' || !this.options.feedback.pli) return;
    if (this.#keyFrameRequest.takeWelcome(nowMs)) this.#sendKeyFrameRequest(this.#ssrc);
  }

  stats(nowMs: number): SourceStats {
    const parameters = this.#eye?.parameters;
    const intervalMs = this.#gops.intervalMs;
    const { packets, bytes, lost, recovered, reception, lastAtMs } = this.#arrivals;
    return {
      trackId: this.trackId,
      rid: this.options.rid ?? null,
      ssrc: this.#ssrc ?? null,
      packets,
      bytes,
      bitsPerSecond: Math.round(this.bitsPerSecond(nowMs)),
      framesPerSecond: Math.round(this.#frameRate.perSecond(nowMs) * 10) / 10,
      packetsLost: lost,
      packetsRecovered: recovered,
      jitterMs: Math.round(reception.jitterMs * 10) / 10,
      nacksSent: this.#nacksSent,
      plisSent: this.#plisSent,
      keyFrames: this.#gops.keyFrames,
      keyFrameIntervalMs: intervalMs === null ? null : Math.round(intervalMs),
      width: parameters?.width ?? null,
      height: parameters?.height ?? null,
      profileLevelId: parameters?.profileLevelId ?? null,
      hasBFrames: parameters?.hasBFrames ?? false,
      lastPacketAtMs: lastAtMs,
    };
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#context.deadlines.delete(this);
    this.#gops.discard();
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener.onSourceClosed();
    this.#link.onSourceClosed(this);
  }

  onDeadline(nowMs: number): void {
    this.#armedMs = undefined;
    if (this.#state === 'closed') return;
    this.#repair(nowMs);
    this.#askForKeyFrame(nowMs);
    if (this.#state === 'flowing') {
      const stallMs = (this.#arrivals.lastAtMs ?? nowMs) + STALL_AFTER_MS;
      if (nowMs >= stallMs) this.#stall();
      else this.#arm(stallMs);
    }
    this.#arm(this.#arrivals.window.deadlineMs);
  }

  /** Gives up what is hopeless and asks for the rest. */
  #repair(nowMs: number): void {
    const arrivals = this.#arrivals;
    const { deadlineMs } = arrivals.window;
    if (deadlineMs === undefined || nowMs < deadlineMs) return;
    while (arrivals.window.giveUp(nowMs) > 0) {
      this.#onHole(nowMs);
      this.#drain(nowMs);
    }
    const requests = arrivals.window.takeRequests(nowMs);
    if (requests.length === 0 || this.#ssrc === undefined) return;
    this.#nacksSent += requests.length;
    this.#link.sendNack(this.#ssrc, requests);
  }

  #drain(nowMs: number): void {
    const arrivals = this.#arrivals;
    for (let one = arrivals.window.take(); one !== undefined; one = arrivals.window.take())
      this.#release(one, nowMs);
  }

  /** Packets are missing for good: no viewer can decode what follows, up to the next key frame. */
  #onHole(nowMs: number): void {
    this.#gops.discard();
    this.#isResyncing = true;
    this.requestKeyFrame(nowMs);
  }

  /** The next packet in order: to the cache and to the viewers. */
  #release(pending: Pending, nowMs: number): void {
    const timestamp = this.#place(pending);
    const clock = this.#clock;
    // Padding only: the sender probes the path. The packet kept its number and holds no picture.
    if (clock === undefined || pending.payload.length === 0) return;
    const isFrameStart = timestamp !== this.#lastTimestamp;
    if (isFrameStart) {
      clock.observe(timestamp, pending.arrivalMs);
      this.#frameRate.add(1, nowMs);
      this.#lastTimestamp = timestamp;
    }
    const facts = this.#eye?.look(pending.payload, pending.element) ?? NOTHING;
    this.#layers?.note(spatialLayerOf(facts), pending.payload.length + 12, nowMs);
    if ((facts & CACHE_VOID) !== 0) this.#gops.discard();
    if ((facts & PARAMETERS_CHANGED) !== 0) this.#context.events.sourceParameters(this);
    if ((facts & KEY_FRAME_START) !== 0 && timestamp !== this.#keyFrameTimestamp) {
      this.#keyFrameTimestamp = timestamp;
      this.#keyFrameRequest.onKeyFrame();
      const gop = this.#gops.start(nowMs);
      const isResync = this.#isResyncing;
      this.#isResyncing = false;
      this.#layers?.setHeights(this.#eye?.layerHeights ?? []);
      for (const listener of this.#listeners) listener.onKeyFrame(gop, isResync, nowMs);
    }
    if (this.#isResyncing) {
      this.#context.drops.add('awaiting-key-frame');
      return;
    }
    const packet: MediaPacket = {
      payload: pending.payload,
      marker: pending.marker,
      element: pending.element,
      sequence: pending.sequence,
      timestamp,
      clock,
      releasedMs: nowMs,
      isFrameStart,
      facts: timestamp === this.#keyFrameTimestamp ? facts | KEY_FRAME : facts,
    };
    const listeners = this.#listeners;
    if (this.#eye !== undefined && !this.#gops.append(packet)) {
      for (const listener of listeners) listener.onCacheDiscarded();
    }
    for (let at = 0; at < listeners.length; at += 1) listeners[at]?.onPacket(packet, nowMs);
  }

  /** Extended timestamp of a packet; starts a new timeline when it fits none. */
  #place(pending: Pending): number {
    const extended = this.#clock?.extend(pending.timestamp, pending.arrivalMs);
    if (extended !== undefined) return extended;
    this.#clock = new SourceClock(this.options.clockRate, pending.timestamp, pending.arrivalMs);
    this.#gops.discard();
    this.#lastTimestamp = -1;
    this.#keyFrameTimestamp = -1;
    return pending.timestamp;
  }

  #startAnew(): void {
    this.#arrivals.restart();
    this.#clock = undefined;
    this.#gops.reset();
    this.#layers?.reset();
    this.#isResyncing = this.#eye !== undefined;
  }

  #onFlowing(nowMs: number): void {
    this.#state = 'flowing';
    this.#arm(nowMs + STALL_AFTER_MS);
    this.#context.events.sourceFlowing(this);
    if (this.#eye === undefined || !this.options.feedback.pli) return;
    // Whoever joins next shall find a key frame. It is probably on its way: ask only when it is not.
    this.#keyFrameRequest.want();
    this.#arm(nowMs + FIRST_KEY_FRAME_MS);
  }

  #stall(): void {
    this.#state = 'stalled';
    // An old picture shown as live would be worse than none.
    this.#gops.discard();
    this.#context.events.sourceStalled(this);
  }

  #askForKeyFrame(nowMs: number): void {
    // Nobody answers before the first packet, or while nothing comes.
    if (this.#ssrc === undefined || this.#state !== 'flowing') return;
    if (this.#keyFrameRequest.take(nowMs)) this.#sendKeyFrameRequest(this.#ssrc);
    this.#arm(this.#keyFrameRequest.deadlineMs);
  }

  #sendKeyFrameRequest(ssrc: number): void {
    this.#plisSent += 1;
    this.#link.sendPictureLossIndication(ssrc);
  }

  #arm(atMs: number | undefined): void {
    if (atMs === undefined || (this.#armedMs !== undefined && this.#armedMs <= atMs)) return;
    this.#armedMs = atMs;
    this.#context.deadlines.set(this, atMs);
  }
}

/** @throws TypeError for a source of another core or of the other kind. */
export function ownSource(source: MediaSource, kind: 'audio' | 'video'): CoreSource {
  if (!(source instanceof CoreSource)) {
    throw new TypeError('The source belongs to no media core of this implementation');
  }
  if (source.kind !== kind) {
    throw new TypeError(`Cannot send ${source.kind} on a media section of kind ${kind}`);
  }
  return source;
}
