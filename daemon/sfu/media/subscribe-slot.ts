/** One sending media section of a viewer's connection: what is offered, and which track it carries now. */
import { randomInt } from 'node:crypto';
import type {
  CorePeer,
  Downlink,
  DownlinkOptions,
  DownlinkStats,
  HeldTrack,
  MediaSource,
} from './core/types.ts';
import { covers, slotKeyOf, type TrackCodec } from './codecs.ts';
import type { DownlinkOwner, MediaEngine } from './media-engine.ts';
import type { MediaTrack, TrackSink } from './media-track.ts';
import { EXTENSION_URI, type SdpMedia } from './sdp/session-description.ts';
import type { LocalCodec, LocalSection } from './sdp/write-sdp.ts';

export const MID_EXTENSION_ID = 1;
export const TRANSPORT_CC_EXTENSION_ID = 2;
/** An id means one extension in the whole BUNDLE group (RFC 9143 section 9.2). */
const AUDIO_LEVEL_EXTENSION_ID = 3;
const DEPENDENCY_DESCRIPTOR_EXTENSION_ID = 4;
const PROTOCOL = 'UDP/TLS/RTP/SAVPF';

/** `new`: not in an answered offer yet; `live`: the viewer takes it; `rejected`: the viewer cannot. */
export type SlotState = 'new' | 'live' | 'rejected';

type Negotiated = Pick<
  DownlinkOptions,
  'midExtensionId' | 'transportCcExtensionId' | 'elementExtensionId' | 'nack'
> & {
  hasRtx: boolean;
};

export class SubscribeSlot implements TrackSink, DownlinkOwner {
  readonly mid: string;
  readonly key: string;
  readonly #engine: MediaEngine;
  readonly #kind: 'audio' | 'video';
  /** What the next offer says. */
  #codec: LocalCodec;
  /** What the last offer said: the wanted configuration, then the one in use. */
  #offered: readonly LocalCodec[] = [];
  /** What the viewer took, and is sent. */
  #answered: LocalCodec | undefined;
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
  #since = { atMs: 0, packets: 0, begins: 0 };
  readonly #onHeld: (trackId: string, held: HeldTrack | undefined) => void;
  readonly #onCodec: (slot: SubscribeSlot, isFirst: boolean) => void;

  constructor(options: {
    engine: MediaEngine;
    mid: string;
    cname: string;
    track: MediaTrack;
    codec: LocalCodec;
    /** The viewer's path does not carry the track at all, or does again. */
    held: (trackId: string, held: HeldTrack | undefined) => void;
    /** The track is of another configuration than it was told to be. */
    codecChanged: (slot: SubscribeSlot, isFirst: boolean) => void;
  }) {
    const codec: TrackCodec = options.track.codec;
    this.#engine = options.engine;
    this.#onHeld = options.held;
    this.#onCodec = options.codecChanged;
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
    this.#since = { atMs, packets: sent?.packets ?? 0, begins: sent?.begins ?? 0 };
    this.setHeight(undefined);
    this.setPaused(paused);
    if (track === undefined) this.sourcesChanged([]);
    else track.addSink(this);
  }

  /** When the first packet and key frame of its present track were sent; null: not yet. */
  sentAtMs(): { packetAtMs: number | null; keyFrameAtMs: number | null; held: boolean } {
    const sent = this.#downlink?.stats();
    if (sent === undefined) return { packetAtMs: null, keyFrameAtMs: null, held: false };
    const { atMs, packets, begins } = this.#since;
    // The downlink's own times are those of the first track that the section ever carried.
    const first = (firstAtMs: number | null, since: boolean): number | null => {
      if (firstAtMs === null) return null;
      return firstAtMs >= atMs ? firstAtMs : since ? atMs : null;
    };
    return {
      held: sent.isHeld,
      packetAtMs: first(sent.firstPacketAtMs, sent.packets > packets),
      keyFrameAtMs: first(sent.firstKeyFrameAtMs, sent.begins > begins),
    };
  }

  /** What its section of the connection has carried; undefined before the connection is up. */
  sent(): DownlinkStats | undefined {
    return this.#downlink?.stats();
  }

  sourcesChanged(sources: readonly MediaSource[]): void {
    this.#sources = sources;
    this.#feed();
  }

  codecChanged(isFirst: boolean): void {
    this.#onCodec(this, isFirst);
  }

  get codec(): LocalCodec {
    return this.#codec;
  }

  /** Whether what is offered, or will be, tells the viewer enough for this. */
  covers(codec: TrackCodec): boolean {
    return covers({ name: codec.name, fmtp: this.#codec.fmtp }, codec);
  }

  /** The next offer asks for this configuration; until it is answered the track is sent as before. */
  setCodec(codec: LocalCodec): void {
    this.#codec = codec;
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
    const taken = this.#offered.find((one) => isTaken(one, media));
    const takes = media.direction === 'recvonly' || media.direction === 'sendrecv';
    if (media.port === 0 || taken === undefined || !takes) {
      this.#state = 'rejected';
      this.#downlink?.close();
      this.#downlink = undefined;
      return this.#state;
    }
    this.#state = 'live';
    this.#negotiated ??= this.#negotiate(taken, media);
    this.#use(taken, media);
    this.connect(peer);
    return this.#state;
  }

  #negotiate(codec: LocalCodec, media: SdpMedia): Negotiated {
    const answered = media.codecs.find((one) => one.payloadType === codec.payloadType);
    const feedback = answered?.feedback ?? [];
    const extension = (uri: string): number | undefined =>
      media.extensions.find((one) => one.uri === uri)?.id;
    return {
      hasRtx: hasRtx(codec, media),
      midExtensionId: extension(EXTENSION_URI.mid),
      transportCcExtensionId: feedback.includes('transport-cc')
        ? extension(EXTENSION_URI.transportCc)
        : undefined,
      elementExtensionId: this.#elementExtensionId(media),
      nack: feedback.includes('nack'),
    };
  }

  /** What its publishers may say in headers that viewers have use for. */
  #handedOn(): { id: number; uri: string }[] {
    if (this.#kind === 'audio') return [{ id: AUDIO_LEVEL_EXTENSION_ID, uri: EXTENSION_URI.audioLevel }];
    if (this.#codec.name !== 'AV1') return [];
    return [{ id: DEPENDENCY_DESCRIPTOR_EXTENSION_ID, uri: EXTENSION_URI.dependencyDescriptor }];
  }

  /** The id of what the viewer takes of that; of what may need the two-byte form, only when it takes both forms. */
  #elementExtensionId(media: SdpMedia): number | undefined {
    if (this.#kind === 'video' && !media.extmapAllowMixed) return undefined;
    return this.#handedOn()
      .map(({ uri }) => media.extensions.find((one) => one.uri === uri)?.id)
      .find((id) => id !== undefined);
  }

  /** Sends by what the viewer took from now on; with another decoder it needs a key frame. */
  #use(codec: LocalCodec, media: SdpMedia): void {
    const before = this.#answered;
    // Retransmission cannot be taken up or given up on the way: the numbers of its stream depend on it.
    if (before !== undefined && hasRtx(codec, media) !== this.#negotiated?.hasRtx) return;
    this.#answered = codec;
    if (before === undefined || before.payloadType === codec.payloadType) return;
    this.#downlink?.setPayloadTypes(
      codec.payloadType,
      this.#negotiated?.hasRtx === true ? codec.rtxPayloadType : undefined,
    );
    this.rejoin();
  }

  /** Starts sending as soon as both the answer and DTLS are there. */
  connect(peer: CorePeer | undefined): void {
    const negotiated = this.#negotiated;
    const codec = this.#answered;
    if (peer === undefined || negotiated === undefined || codec === undefined || this.#downlink !== undefined)
      return;
    const nowMs = this.#engine.clock.nowMs();
    const options: DownlinkOptions = {
      kind: this.#kind,
      payloadType: codec.payloadType,
      rtxPayloadType: negotiated.hasRtx ? codec.rtxPayloadType : undefined,
      ssrc: this.#ssrc,
      rtxSsrc: negotiated.hasRtx ? this.#rtxSsrc : undefined,
      mid: this.mid,
      midExtensionId: negotiated.midExtensionId,
      transportCcExtensionId: negotiated.transportCcExtensionId,
      elementExtensionId: negotiated.elementExtensionId,
      cname: this.#cname,
      nack: negotiated.nack,
    };
    this.#downlink = this.#engine.addDownlink(peer, options, this);
    if (this.#paused) this.#downlink.setPaused(true, nowMs);
    this.#downlink.setHeight(this.#height, nowMs);
    this.#feed();
  }

  /** For the offer that is made now. */
  section(): LocalSection {
    const rejected = this.#state === 'rejected';
    const inUse = this.#answered;
    this.#offered =
      inUse === undefined || inUse.payloadType === this.#codec.payloadType
        ? [this.#codec]
        : [this.#codec, inUse];
    return {
      mid: this.mid,
      kind: this.#kind,
      protocol: PROTOCOL,
      rejected,
      formats: [String(this.#codec.payloadType)],
      direction: 'sendonly',
      codecs: this.#offered,
      extensions: [
        { id: MID_EXTENSION_ID, uri: EXTENSION_URI.mid },
        { id: TRANSPORT_CC_EXTENSION_ID, uri: EXTENSION_URI.transportCc },
        ...this.#handedOn(),
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

function isTaken(codec: LocalCodec, media: SdpMedia): boolean {
  return media.codecs.some((one) => one.payloadType === codec.payloadType);
}

function hasRtx(codec: LocalCodec, media: SdpMedia): boolean {
  return media.codecs.some((one) => one.payloadType === codec.rtxPayloadType);
}
