/** One sending media section of a viewer's connection: what is offered, and which track it carries now. */
import { randomInt } from 'node:crypto';
import type { CorePeer, Downlink, DownlinkOptions, HeldTrack, MediaSource } from './core/types.ts';
import { slotKeyOf, type TrackCodec } from './codecs.ts';
import type { DownlinkOwner, MediaEngine } from './media-engine.ts';
import type { MediaTrack, TrackSink } from './media-track.ts';
import { EXTENSION_URI, type SdpMedia } from './sdp/session-description.ts';
import type { LocalCodec, LocalSection } from './sdp/write-sdp.ts';

export const MID_EXTENSION_ID = 1;
export const TRANSPORT_CC_EXTENSION_ID = 2;
const PROTOCOL = 'UDP/TLS/RTP/SAVPF';

/** `new`: not in an answered offer yet; `live`: the viewer takes it; `rejected`: the viewer cannot. */
export type SlotState = 'new' | 'live' | 'rejected';

type Negotiated = Pick<
  DownlinkOptions,
  'rtxPayloadType' | 'midExtensionId' | 'transportCcExtensionId' | 'nack'
>;

export class SubscribeSlot implements TrackSink, DownlinkOwner {
  readonly mid: string;
  readonly key: string;
  readonly #engine: MediaEngine;
  readonly #kind: 'audio' | 'video';
  readonly #codec: LocalCodec;
  readonly #cname: string;
  readonly #ssrc = randomInt(1, 0xffffffff);
  readonly #rtxSsrc: number | undefined;
  readonly #msid: string;
  #state: SlotState = 'new';
  #negotiated: Negotiated | undefined;
  #downlink: Downlink | undefined;
  #track: MediaTrack | undefined;
  #sources: readonly MediaSource[] = [];
  #height: number | undefined;
  #paused = false;
  #isHeld = false;
  /** What the section had sent when it took its track. */
  #since = { atMs: 0, packets: 0, bursts: 0 };
  readonly #onHeld: (trackId: string, held: HeldTrack | undefined) => void;

  constructor(options: {
    engine: MediaEngine;
    mid: string;
    cname: string;
    track: MediaTrack;
    codec: LocalCodec;
    /** The viewer's path does not carry the track at all, or does again. */
    held: (trackId: string, held: HeldTrack | undefined) => void;
  }) {
    const codec: TrackCodec = options.track.codec;
    this.#engine = options.engine;
    this.#onHeld = options.held;
    this.mid = options.mid;
    this.key = slotKeyOf(codec);
    this.#kind = codec.kind;
    this.#codec = options.codec;
    this.#cname = options.cname;
    this.#rtxSsrc = options.codec.rtxPayloadType === undefined ? undefined : randomInt(1, 0xffffffff);
    this.#msid = `${options.track.streamId} slot-${options.mid}`;
    this.setTrack(options.track, false);
  }

  get state(): SlotState {
    return this.#state;
  }

  get track(): MediaTrack | undefined {
    return this.#track;
  }

  /** Carries another track, or none. Needs no negotiation when the keys are equal. */
  setTrack(track: MediaTrack | undefined, paused: boolean): void {
    this.#track?.removeSink(this);
    this.#track = track;
    const sent = this.#downlink?.stats();
    const atMs = this.#engine.clock.nowMs();
    this.#since = { atMs, packets: sent?.packets ?? 0, bursts: sent?.bursts ?? 0 };
    this.setHeight(undefined);
    this.setPaused(paused);
    if (track === undefined) this.sourcesChanged([]);
    else track.addSink(this);
  }

  /** When the first packet and key frame of its present track were sent; null: not yet. */
  sentAtMs(): { packetAtMs: number | null; keyFrameAtMs: number | null; held: boolean } {
    const sent = this.#downlink?.stats();
    if (sent === undefined) return { packetAtMs: null, keyFrameAtMs: null, held: false };
    const { atMs, packets, bursts } = this.#since;
    // The downlink's own times are those of the first track that the section ever carried.
    const first = (firstAtMs: number | null, since: boolean): number | null => {
      if (firstAtMs === null) return null;
      return firstAtMs >= atMs ? firstAtMs : since ? atMs : null;
    };
    return {
      held: sent.isHeld,
      packetAtMs: first(sent.firstPacketAtMs, sent.packets > packets),
      keyFrameAtMs: first(sent.firstKeyFrameAtMs, sent.bursts > bursts),
    };
  }

  sourcesChanged(sources: readonly MediaSource[]): void {
    this.#sources = sources;
    this.#feed();
  }

  /** Lines the viewer shows the picture at; undefined: as many as there are. */
  setHeight(height: number | undefined): void {
    this.#height = height;
    this.#downlink?.setHeight(height, this.#engine.clock.nowMs());
    this.#engine.schedule();
  }

  #feed(): void {
    const nowMs = this.#engine.clock.nowMs();
    if (this.#sources.length > 1) this.#downlink?.setLayers(this.#sources, nowMs);
    else this.#downlink?.setSource(this.#sources[0], nowMs);
    this.#engine.schedule();
  }

  /** The viewer's own wish; either way it ends that the track is held back. */
  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#isHeld = false;
    this.#downlink?.setPaused(paused, this.#engine.clock.nowMs());
    this.#engine.schedule();
  }

  downlinkHeld(held: HeldTrack | undefined): void {
    this.#isHeld = held !== undefined;
    if (this.#track !== undefined) this.#onHeld(this.#track.trackId, held);
  }

  /** A viewer without a picture: a re-join, from the cache when there is one. */
  rejoin(): void {
    if (this.#downlink === undefined || this.#paused || this.#isHeld) return;
    const nowMs = this.#engine.clock.nowMs();
    this.#downlink.setPaused(true, nowMs);
    this.#downlink.setPaused(false, nowMs);
    if (this.#sources.length === 1) this.#sources[0]?.requestKeyFrame(nowMs);
    this.#engine.schedule();
  }

  /** Reads the viewer's answer for this section. @returns the state it has now. */
  applyAnswer(media: SdpMedia, peer: CorePeer | undefined): SlotState {
    if (this.#state === 'rejected') return this.#state;
    const codec = media.codecs.find((one) => one.payloadType === this.#codec.payloadType);
    const takes = media.direction === 'recvonly' || media.direction === 'sendrecv';
    if (media.port === 0 || codec === undefined || !takes) {
      this.#state = 'rejected';
      this.#downlink?.close();
      this.#downlink = undefined;
      return this.#state;
    }
    this.#state = 'live';
    const rtxAnswered = media.codecs.some((one) => one.payloadType === this.#codec.rtxPayloadType);
    const extension = (uri: string): number | undefined =>
      media.extensions.find((one) => one.uri === uri)?.id;
    this.#negotiated ??= {
      rtxPayloadType: rtxAnswered ? this.#codec.rtxPayloadType : undefined,
      midExtensionId: extension(EXTENSION_URI.mid),
      transportCcExtensionId: codec.feedback.includes('transport-cc')
        ? extension(EXTENSION_URI.transportCc)
        : undefined,
      nack: codec.feedback.includes('nack'),
    };
    this.connect(peer);
    return this.#state;
  }

  /** Starts sending as soon as both the answer and DTLS are there. */
  connect(peer: CorePeer | undefined): void {
    const negotiated = this.#negotiated;
    if (peer === undefined || negotiated === undefined || this.#downlink !== undefined) return;
    const nowMs = this.#engine.clock.nowMs();
    const options: DownlinkOptions = {
      kind: this.#kind,
      payloadType: this.#codec.payloadType,
      rtxPayloadType: negotiated.rtxPayloadType,
      ssrc: this.#ssrc,
      rtxSsrc: negotiated.rtxPayloadType === undefined ? undefined : this.#rtxSsrc,
      mid: this.mid,
      midExtensionId: negotiated.midExtensionId,
      transportCcExtensionId: negotiated.transportCcExtensionId,
      cname: this.#cname,
      nack: negotiated.nack,
    };
    this.#downlink = this.#engine.addDownlink(peer, options, this);
    if (this.#paused) this.#downlink.setPaused(true, nowMs);
    this.#downlink.setHeight(this.#height, nowMs);
    this.#feed();
  }

  section(): LocalSection {
    const rejected = this.#state === 'rejected';
    return {
      mid: this.mid,
      kind: this.#kind,
      protocol: PROTOCOL,
      rejected,
      formats: [String(this.#codec.payloadType)],
      direction: 'sendonly',
      codecs: [this.#codec],
      extensions: [
        { id: MID_EXTENSION_ID, uri: EXTENSION_URI.mid },
        { id: TRANSPORT_CC_EXTENSION_ID, uri: EXTENSION_URI.transportCc },
      ],
      msid: this.#msid,
      sender: { ssrc: this.#ssrc, rtxSsrc: this.#rtxSsrc, cname: this.#cname },
    };
  }

  close(): void {
    this.#track?.removeSink(this);
    this.#track = undefined;
    this.#downlink?.close();
    this.#downlink = undefined;
  }
}
