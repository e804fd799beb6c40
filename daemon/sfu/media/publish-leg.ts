/**
 * The sending connection of one session: the client offers, we answer recvonly. Each media section that
 * sends becomes a track; a section that stops sending, or is gone, takes its track away.
 */
import { randomInt } from 'node:crypto';
import type { IceCandidateInit } from '../../contract/ice.ts';
import { messageOf } from '../../kit/errors.ts';
import { answeredCodec, slotKeyOf, usableCodecs, type TrackCodec } from './codecs.ts';
import type { CorePeer, MediaSource } from './core/types.ts';
import type { MediaEngine, SourceOwner } from './media-engine.ts';
import type { MediaTrack } from './media-track.ts';
import { PeerLink } from './peer-link.ts';
import { encodingsOf, knownExtensions, sourceOptions } from './receive-section.ts';
import { parseSdp, SdpError } from './sdp/parse-sdp.ts';
import type { SdpCodec, SdpMedia, SessionDescription } from './sdp/session-description.ts';
import { writeSdp, type LocalSection } from './sdp/write-sdp.ts';

export type PublishLegEvents = {
  removed(track: MediaTrack): void;
  /** The stream's own parameters (SPS, size) changed. */
  parameters(track: MediaTrack, source: MediaSource): void;
  /** The connection ended by itself; its tracks were removed before. */
  closed(reason: string): void;
};

/**
 * A section wants to send.
 * @returns the track it becomes, or undefined to reject the section.
 */
export type Admit = (section: { mid: string; codec: TrackCodec }) => MediaTrack | undefined;

type Published = {
  mid: string;
  track: MediaTrack;
  media: SdpMedia;
  codec: SdpCodec;
  /** One, or one per encoding; empty until DTLS is up. */
  sources: MediaSource[];
};

export class PublishLeg implements SourceOwner {
  readonly #engine: MediaEngine;
  readonly #events: PublishLegEvents;
  readonly #link: PeerLink;
  readonly #sessionId = String(randomInt(1, 2 ** 47));
  readonly #published = new Map<string, Published>();
  #version = 0;

  private constructor(engine: MediaEngine, events: PublishLegEvents, link: PeerLink) {
    this.#engine = engine;
    this.#events = events;
    this.#link = link;
  }

  static async open(engine: MediaEngine, events: PublishLegEvents): Promise<PublishLeg> {
    const self: { leg?: PublishLeg } = {};
    const link = await PeerLink.open(engine, {
      controlling: false,
      events: {
        connected: (peer) => {
          if (self.leg !== undefined) self.leg.#connect(peer);
        },
        closed: (reason) => {
          if (self.leg !== undefined) self.leg.#removeAll();
          events.closed(reason);
        },
      },
    });
    self.leg = new PublishLeg(engine, events, link);
    return self.leg;
  }

  get closed(): boolean {
    return this.#link.closed;
  }

  /** True when an offer cannot continue this connection: the client has made a new one. */
  isOtherPeer(offer: SessionDescription): boolean {
    return this.#link.isOtherPeer(offer);
  }

  /** @returns the answer. @throws SdpError when the offer cannot be answered at all. */
  async answer(offer: SessionDescription, admit: Admit): Promise<string> {
    if (this.#link.isIceRestart(offer)) await this.#link.restartIce();
    this.#link.setRemote(offer);
    const sections = offer.media.map((media) => this.#applySection(media, offer, admit));
    const present = new Set(offer.media.map((media) => media.mid));
    for (const mid of [...this.#published.keys()]) if (!present.has(mid)) this.#remove(mid);
    if (this.#link.peer !== undefined) this.#connect(this.#link.peer);
    this.#version += 1;
    return writeSdp({
      sessionId: this.#sessionId,
      version: this.#version,
      transport: this.#link.local,
      setup: 'passive',
      sections,
      extmapAllowMixed: offer.media.some((media) => media.extmapAllowMixed),
      rtcpMuxOnly: false,
    });
  }

  addCandidate(candidate: IceCandidateInit | null): void {
    this.#link.addCandidate(candidate);
  }

  /** The track's room is gone: what still comes on its section is not read any more. */
  dropTrack(trackId: string): void {
    for (const { mid, track } of this.#published.values()) if (track.trackId === trackId) this.#remove(mid);
  }

  /** Removes all tracks and ends the connection. Twice is harmless. */
  close(): void {
    this.#removeAll();
    this.#link.close();
  }

  sourceFlowing(): void {
    // A publisher's own pauses are told by track-state; nothing to do.
  }

  sourceStalled(): void {
    // As above.
  }

  sourceParameters(source: MediaSource): void {
    for (const published of this.#published.values()) {
      if (
        published.sources.includes(source) &&
        isLargest(source, published.sources, this.#engine.clock.nowMs())
      ) {
        this.#events.parameters(published.track, source);
      }
    }
  }

  #applySection(media: SdpMedia, offer: SessionDescription, admit: Admit): LocalSection {
    const known = this.#published.get(media.mid);
    const sends = media.direction === 'sendonly' || media.direction === 'sendrecv';
    // RFC 9143 section 7.3: a section outside the group would need a transport of its own.
    const bundled = offer.bundle.includes(media.mid) || offer.media.length === 1;
    const wanted = media.port !== 0 && media.rtcpMux && bundled;
    const choice = wanted ? chooseCodec(media, known) : undefined;
    if (choice === undefined) {
      if (known !== undefined) this.#remove(media.mid);
      return rejected(media);
    }
    if (!sends) {
      if (known !== undefined) this.#remove(media.mid);
      return section(media, choice, 'inactive');
    }
    if (known !== undefined && slotKeyOf(known.track.codec) === slotKeyOf(choice.track)) {
      return section(media, choice, 'recvonly');
    }
    if (known !== undefined) this.#remove(media.mid);
    const track = admit({ mid: media.mid, codec: choice.track });
    if (track === undefined) return rejected(media);
    this.#published.set(media.mid, { mid: media.mid, track, media, codec: choice.sdp, sources: [] });
    return section(media, choice, 'recvonly');
  }

  #connect(peer: CorePeer): void {
    for (const published of this.#published.values()) {
      if (published.sources.length > 0) continue;
      const { media, codec, track } = published;
      const { trackId } = track;
      const rids = encodingsOf(media, track.codec);
      const all =
        rids.length === 0
          ? [sourceOptions(media, codec, track.codec, { trackId, bindBySsrc: true })]
          : rids.map((rid) => sourceOptions(media, codec, track.codec, { trackId, bindBySsrc: false, rid }));
      try {
        for (const options of all) published.sources.push(this.#engine.addSource(peer, options, this));
        track.attachLayers(published.sources);
      } catch (error) {
        this.#engine.log.warn({ reason: messageOf(error) }, 'a published section cannot be received');
      }
    }
  }

  #remove(mid: string): void {
    const published = this.#published.get(mid);
    if (published === undefined) return;
    this.#published.delete(mid);
    published.track.attach(undefined);
    for (const source of published.sources) source.close();
    this.#events.removed(published.track);
  }

  #removeAll(): void {
    for (const mid of [...this.#published.keys()]) this.#remove(mid);
  }
}

/** Of several encodings the largest one speaks for the track. */
function isLargest(source: MediaSource, sources: readonly MediaSource[], nowMs: number): boolean {
  const height = source.stats(nowMs).height ?? 0;
  return sources.every((other) => (other.stats(nowMs).height ?? 0) <= height);
}

type Choice = { sdp: SdpCodec; track: TrackCodec };

/** The client's first codec that we pass through; the one in use stays when it is still offered. */
function chooseCodec(media: SdpMedia, known: Published | undefined): Choice | undefined {
  const usable = usableCodecs(media);
  const same = usable.find((one) => one.sdp.payloadType === known?.codec.payloadType);
  return same ?? usable[0];
}

function section(media: SdpMedia, choice: Choice, direction: 'recvonly' | 'inactive'): LocalSection {
  return {
    mid: media.mid,
    kind: media.kind,
    protocol: media.protocol,
    rejected: false,
    formats: [],
    direction,
    codecs: [answeredCodec(media, choice.sdp, choice.track)],
    extensions: knownExtensions(media, choice.track.name),
    msid: undefined,
    rids: encodingsOf(media, choice.track),
    sender: undefined,
  };
}

function rejected(media: SdpMedia): LocalSection {
  const formats = media.codecs.map((codec) => String(codec.payloadType));
  return {
    mid: media.mid,
    kind: media.kind,
    protocol: media.protocol,
    rejected: true,
    formats: media.kind === 'application' ? ['webrtc-datachannel'] : formats.slice(0, 1),
    direction: 'inactive',
    codecs: [],
    extensions: [],
    msid: undefined,
    sender: undefined,
  };
}

/** Parses a publish offer. @throws SdpError */
export function parseOffer(sdp: string): SessionDescription {
  const offer = parseSdp(sdp);
  if (offer.media.every((media) => media.kind !== 'audio' && media.kind !== 'video')) {
    throw new SdpError('The offer has no audio or video section.');
  }
  return offer;
}
