/**
 * What one viewer's SSRC says: where each packet of a source stands in its numbers and on its timeline, which never
 * break, and the reports on that line. Which pictures are sent is decided elsewhere.
 */
import { PATIENT, PICTURE_END, SOON } from '../../../datagrams/sealed-flow.ts';
import { AudioNumbers } from './audio-numbers.ts';
import { randomBelow, type CoreContext, type Timed } from './core-context.ts';
import type { Gop } from './gop-cache.ts';
import { LayerFilter } from './layer-filter.ts';
import type { MediaPacket } from './media-packet.ts';
import { OutboundStream, type StreamTransport } from './outbound-stream.ts';
import type { CoreSource } from './source.ts';
import type { SourceClock } from './source-clock.ts';
import type { CodecName, DownlinkOptions } from './types.ts';
import { ViewerTimeline } from './viewer-timeline.ts';
import { Vp8Continuity } from './vp8-continuity.ts';

/** A frame younger than this is live: the viewer has caught up. */
export const CAUGHT_UP_MS = 25;
const REPORT_MS = 1000;

export class ViewerOutput implements Timed {
  readonly stream: OutboundStream;
  readonly filter = new LayerFilter();
  readonly #context: CoreContext;
  readonly #timeline: ViewerTimeline;
  readonly #audioNumbers = new AudioNumbers();
  #continuity: Vp8Continuity | undefined;
  #isFrameOpen = false;
  #firstPacketAtMs: number | null = null;
  #reportDueMs: number | undefined;
  #sentSinceReport = false;

  constructor(context: CoreContext, transport: StreamTransport, options: DownlinkOptions) {
    this.#context = context;
    this.stream = new OutboundStream(context, transport, options);
    this.#timeline = new ViewerTimeline(() => randomBelow(context, 0x1_0000_0000) + 0x1_0000_0000);
  }

  get firstPacketAtMs(): number | null {
    return this.#firstPacketAtMs;
  }

  /** A frame was begun and not ended. */
  get isFrameOpen(): boolean {
    return this.#isFrameOpen;
  }

  /** What follows is of this codec. */
  use(codec: CodecName): void {
    if (codec === 'VP8') this.#continuity ??= new Vp8Continuity();
  }

  /** Nothing is sent from here on; what comes later has no place in the count of what was sent. */
  stop(): void {
    this.#isFrameOpen = false;
    this.#audioNumbers.restart();
  }

  close(): void {
    this.#reportDueMs = undefined;
    this.#context.deadlines.delete(this);
    this.stream.ring.clear();
  }

  /** A key frame follows on what was sent last. */
  restart(clock: SourceClock | undefined, nowMs: number): void {
    this.#continuity?.restart();
    this.#timeline.anchor(clock, nowMs);
  }

  /** The next packet begins a frame, whatever its timestamp: another source, or the same from its key frame on. */
  newFrame(): void {
    this.#timeline.newFrame();
  }

  /** A picture is left out that no number may tell of. */
  skipPicture(): void {
    this.#continuity?.skipPicture();
  }

  /** Parameter sets on the key frame's own timestamp, so that they belong to its access unit. */
  sendPreamble(source: CoreSource | undefined, gop: Gop, times: number, nowMs: number): void {
    const preamble = source?.preamble;
    if (preamble === undefined) return;
    const first = gop.packets[0];
    const isLive = first === undefined || nowMs - first.releasedMs < CAUGHT_UP_MS;
    const frame = first?.timestamp ?? source?.keyFrameTimestamp ?? NaN;
    const timestamp = this.#timeline.ofFrame(frame, isLive, nowMs);
    for (let time = 0; time < times; time += 1) {
      // A lost first packet is never asked for again, so it exists twice.
      this.#noteSent(nowMs);
      const pace = isLive ? PATIENT : SOON;
      this.stream.send(this.stream.nextIndex, preamble, undefined, false, timestamp, pace, nowMs);
    }
  }

  /** @returns bytes on the wire; 0 for a packet of a layer that this viewer is not sent. */
  sendPicture(packet: MediaPacket, isLive: boolean, nowMs: number): number {
    if (!this.filter.passes(packet)) {
      this.#context.drops.add('upper-layer');
      return 0;
    }
    const marker = this.filter.marker(packet);
    const timestamp = this.#timeline.ofVideo(packet, isLive, nowMs);
    this.#isFrameOpen = !marker;
    const payload = this.#continuity?.rewrite(packet.payload) ?? packet.payload;
    // A burst has a pace of its own.
    const pace = isLive ? (marker ? PICTURE_END : PATIENT) : SOON;
    this.#noteSent(nowMs);
    const { nextIndex } = this.stream;
    return this.stream.send(nextIndex, payload, packet.element, marker, timestamp, pace, nowMs);
  }

  sendSound(packet: MediaPacket, nowMs: number): void {
    if (!this.#timeline.follows(packet.clock)) {
      this.#timeline.anchor(packet.clock, nowMs);
      this.#audioNumbers.restart();
    }
    const place = this.#audioNumbers.place(packet.sequence, this.stream.nextIndex);
    if (place === undefined) {
      this.#context.drops.add('before-join');
      return;
    }
    const { index, isRestart } = place;
    if (isRestart && this.stream.packets === 0) this.sendReport(nowMs);
    const timestamp = this.#timeline.ofAudio(packet, isRestart);
    this.#noteSent(nowMs);
    this.stream.send(index, packet.payload, packet.element, packet.marker, timestamp, SOON, nowMs);
  }

  /** Now, and again while something is sent. */
  sendReport(nowMs: number): void {
    const timestamp = this.#timeline.at(nowMs);
    if (timestamp === undefined) return;
    this.#sentSinceReport = false;
    this.stream.sendReport(timestamp, nowMs);
    this.#scheduleReport(nowMs);
  }

  onDeadline(nowMs: number): void {
    if (this.#reportDueMs === undefined) return;
    this.#reportDueMs = undefined;
    if (this.#sentSinceReport) this.sendReport(nowMs);
  }

  #noteSent(nowMs: number): void {
    this.#firstPacketAtMs ??= nowMs;
    this.#sentSinceReport = true;
    if (this.#reportDueMs === undefined) this.#scheduleReport(nowMs);
  }

  #scheduleReport(nowMs: number): void {
    // Half to one interval (RFC 3550 section 6.2): reports of many viewers do not fall together.
    this.#reportDueMs = nowMs + REPORT_MS * (0.5 + this.#context.random() / 2);
    this.#context.deadlines.set(this, this.#reportDueMs);
  }
}
