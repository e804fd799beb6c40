/**
 * Which pictures one viewer is spared while its path cannot carry them: whole pictures only, those that no
 * other depends on first, then everything up to a key frame. One per downlink; it never delays.
 */
import { SWITCHING_POINT, temporalLayerOf } from './codec-facts.ts';
import type { MediaPacket } from './media-packet.ts';
import type { ViewerPath } from './viewer-path.ts';
import { SEND_ALL, SEND_NOTHING } from './path-queue.ts';
import type { CodecName } from './types.ts';
import { vp8IsLayerSync, vp8IsReference, vp8TemporalLayer } from './vp8-continuity.ts';

/** A key frame is sent at least this often, however far behind the viewer is: it may have recovered unseen. */
const MAX_SILENCE_MS = 4000;
/** A source that sends key frames only on request is asked after this time, and not more often. */
const ASK_AFTER_MS = 1500;
const ASK_INTERVAL_MS = 4000;

export type Sparing = 'send' | 'spare';

export class FrameGate {
  readonly #path: ViewerPath;
  readonly #sourceBitsPerSecond: (nowMs: number) => number;
  #isClosed = false;
  #isSparingUpper = false;
  #closedMs = 0;
  #lastKeyFrameMs = -Infinity;
  #lastAskMs = -Infinity;
  #spared = 0;

  /** `sourceBitsPerSecond`: of what is sent at present. */
  constructor(path: ViewerPath, sourceBitsPerSecond: (nowMs: number) => number) {
    this.#path = path;
    this.#sourceBitsPerSecond = sourceBitsPerSecond;
  }

  /** Pictures left out so far. */
  get spared(): number {
    return this.#spared;
  }

  /** True while nothing is sent before the next key frame. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  isOverfull(nowMs: number): boolean {
    return this.#level(nowMs) === SEND_NOTHING;
  }

  /** False when repeating packets would only lengthen the queue. While it is short they are all there is. */
  mayRepeat(nowMs: number): boolean {
    return !this.#isClosed || this.#path.isDrained(nowMs);
  }

  /** A key frame begins. @returns false when the viewer is spared this one too. */
  onKeyFrame(nowMs: number): boolean {
    const isOpen = this.#path.isDrained(nowMs) && this.#level(nowMs) !== SEND_NOTHING;
    const isDue = nowMs - this.#lastKeyFrameMs >= MAX_SILENCE_MS;
    this.#isClosed = !isOpen && !isDue && this.#lastKeyFrameMs !== -Infinity;
    if (this.#isClosed) {
      this.#closedMs = nowMs;
      return false;
    }
    this.#isSparingUpper = false;
    this.#lastKeyFrameMs = nowMs;
    return true;
  }

  /** Another picture than a key frame begins. */
  onFrame(codec: CodecName, packet: MediaPacket, nowMs: number): Sparing {
    if (this.#isClosed) return this.#spare(nowMs);
    const level = this.#level(nowMs);
    if (level === SEND_NOTHING) {
      this.#isClosed = true;
      this.#closedMs = nowMs;
      return this.#spare(nowMs);
    }
    const isUpper = !isNeeded(codec, packet);
    if (this.#isSparingUpper && level === SEND_ALL && allowsUpper(codec, isUpper, packet))
      this.#isSparingUpper = false;
    // What a spared upper layer was built on is missing for the rest of it.
    if (isUpper && (level !== SEND_ALL || this.#isSparingUpper)) {
      this.#isSparingUpper = isOfUpperLayer(codec, packet);
      return this.#spare(nowMs);
    }
    return 'send';
  }

  /** Whether the source has to be asked for the key frame that ends the silence. */
  shouldAsk(nowMs: number): boolean {
    if (!this.#isClosed || nowMs - this.#closedMs < ASK_AFTER_MS || nowMs - this.#lastAskMs < ASK_INTERVAL_MS)
      return false;
    if (!this.#path.isDrained(nowMs)) return false;
    this.#lastAskMs = nowMs;
    return true;
  }

  /** The pictures start anew by other means: a join. */
  open(nowMs: number): void {
    this.#isClosed = false;
    this.#isSparingUpper = false;
    this.#lastKeyFrameMs = nowMs;
  }

  #level(nowMs: number): number {
    return this.#path.level(this.#sourceBitsPerSecond(nowMs), nowMs);
  }

  #spare(nowMs: number): Sparing {
    this.#spared += 1;
    this.#path.onSpared(nowMs);
    return 'spare';
  }
}

/** False for a picture that no other depends on, or that only upper temporal layers depend on. */
function isNeeded(codec: CodecName, packet: MediaPacket): boolean {
  const { payload } = packet;
  // RFC 6184 section 5.3: nal_ref_idc 0.
  if (codec === 'H264') return ((payload[0] ?? 0) & 0x60) !== 0;
  if (codec === 'VP8' && !vp8IsReference(payload)) return false;
  return !isOfUpperLayer(codec, packet);
}

function isOfUpperLayer(codec: CodecName, { payload, facts }: MediaPacket): boolean {
  return (codec === 'VP8' ? vp8TemporalLayer(payload) : temporalLayerOf(facts)) > 0;
}

/** From this picture on nothing is missing that upper temporal layers are built on. */
function allowsUpper(codec: CodecName, isUpper: boolean, { payload, facts }: MediaPacket): boolean {
  return codec === 'VP8' ? isUpper && vp8IsLayerSync(payload) : !isUpper && (facts & SWITCHING_POINT) !== 0;
}
