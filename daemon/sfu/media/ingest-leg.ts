/**
 * The receive leg of one camera: we offer recvonly, the daemon carries offer, answer and candidates to the
 * producer. `offered` -> `connected` -> `flowing` <-> `stalled` -> `closed`.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { IngestState } from '../../contract/control.ts';
import type { IceCandidateInit } from '../../contract/ice.ts';
import { AppError } from '../../contract/errors.ts';
import { messageOf } from '../../kit/errors.ts';
import { receiveCodecs, usableCodecs, type MediaKind, type TrackCodec } from './codecs.ts';
import type { CorePeer, MediaSource, SourceStats } from './core/types.ts';
import type { MediaEngine, SourceOwner } from './media-engine.ts';
import type { MediaTrack } from './media-track.ts';
import { PeerLink } from './peer-link.ts';
import { sourceOptions } from './receive-section.ts';
import { parseSdp, SdpError } from './sdp/parse-sdp.ts';
import { EXTENSION_URI, type SdpCodec, type SdpMedia } from './sdp/session-description.ts';
import { writeSdp } from './sdp/write-sdp.ts';

export type IngestLegEvents = {
  /** The camera sends this kind with this codec. @returns the track to feed: a new or the room's old one. */
  track(kind: MediaKind, codec: TrackCodec): MediaTrack;
  state(state: IngestState, reason: string): void;
  parameters(track: MediaTrack, source: MediaSource): void;
};

type Received = {
  media: SdpMedia;
  track: MediaTrack;
  /** All the answer allows: a producer may send any of them, and its payload type tells which. */
  codecs: { sdp: SdpCodec; track: TrackCodec }[];
  sources: MediaSource[];
};

export class IngestLeg implements SourceOwner {
  readonly #engine: MediaEngine;
  readonly #events: IngestLegEvents;
  readonly #link: PeerLink;
  readonly #kinds: readonly MediaKind[];
  readonly #received: Received[] = [];
  #state: IngestState = 'offered';

  private constructor(options: {
    engine: MediaEngine;
    events: IngestLegEvents;
    link: PeerLink;
    kinds: readonly MediaKind[];
  }) {
    this.#engine = options.engine;
    this.#events = options.events;
    this.#link = options.link;
    this.#kinds = options.kinds;
  }

  static async open(
    engine: MediaEngine,
    options: { audio: boolean; events: IngestLegEvents },
  ): Promise<IngestLeg> {
    const self: { leg?: IngestLeg } = {};
    const link = await PeerLink.open(engine, {
      controlling: true,
      events: {
        connected: (peer) => {
          if (self.leg !== undefined) self.leg.#connect(peer);
        },
        closed: (reason) => {
          if (self.leg !== undefined) self.leg.#end(reason);
        },
      },
    });
    const kinds: MediaKind[] = options.audio ? ['video', 'audio'] : ['video'];
    self.leg = new IngestLeg({ engine, events: options.events, link, kinds });
    return self.leg;
  }

  get state(): IngestState {
    return this.#state;
  }

  get tracks(): MediaTrack[] {
    return this.#received.map((received) => received.track);
  }

  /** Our offer, with everything the strict producers of the field look for, and all candidates. */
  offer(): string {
    const stream = randomBytes(8).toString('hex');
    return writeSdp({
      sessionId: String(randomInt(1, 2 ** 47)),
      version: 1,
      transport: this.#link.local,
      setup: 'actpass',
      extmapAllowMixed: false,
      rtcpMuxOnly: true,
      sections: this.#kinds.map((kind, index) => ({
        mid: String(index),
        kind,
        protocol: 'UDP/TLS/RTP/SAVPF',
        rejected: false,
        formats: [],
        direction: 'recvonly',
        codecs: receiveCodecs(kind),
        extensions: [
          { id: 1, uri: EXTENSION_URI.mid },
          { id: 2, uri: EXTENSION_URI.transportCc },
        ],
        msid: `${stream} ${kind}`,
        sender: undefined,
      })),
    });
  }

  /** @throws SdpError, or AppError codec_not_supported when the camera sends no video we pass through. */
  answer(sdp: string): void {
    if (this.#received.length > 0) throw new AppError('conflict', 'This ingest has its answer already.');
    const answer = parseSdp(sdp);
    if (answer.media.length !== this.#kinds.length) {
      throw new SdpError('The answer has another number of media sections than the offer.');
    }
    const received = answer.media.flatMap((media) => {
      const sends = media.direction === 'sendonly' || media.direction === 'sendrecv';
      const codecs = media.port !== 0 && sends ? usableCodecs(media) : [];
      const first = codecs[0];
      return first === undefined ? [] : [{ media, codecs, first }];
    });
    if (!received.some(({ media }) => media.kind === 'video')) {
      throw new AppError('codec_not_supported', 'The camera sends no video in H.264, AV1, VP8 or VP9.');
    }
    this.#link.setRemote(answer);
    for (const { media, codecs, first } of received) {
      const track = this.#events.track(first.track.kind, first.track);
      // Only codecs that viewers of this track can be given without a new offer.
      const same = codecs.filter((one) => one.track.name === track.codec.name);
      this.#received.push({ media, track, codecs: same, sources: [] });
    }
    if (this.#link.peer !== undefined) this.#connect(this.#link.peer);
  }

  addCandidate(candidate: IceCandidateInit): void {
    this.#link.addCandidate(candidate);
  }

  /** Figures of the video source that flows, or of the first; undefined before DTLS is up. */
  videoStats(): SourceStats | undefined {
    const video = this.#received.find((received) => received.media.kind === 'video');
    const source = video?.track.source ?? video?.sources[0];
    return source?.stats(this.#engine.clock.nowMs());
  }

  /** Ends the leg. Its tracks stay with whoever owns the room; their source is gone. Twice is harmless. */
  close(reason: string): void {
    this.#link.close();
    this.#end(reason);
  }

  sourceFlowing(source: MediaSource): void {
    const received = this.#received.find((one) => one.sources.includes(source));
    if (received === undefined || this.#state === 'closed') return;
    received.track.attach(source);
    if (source.kind === 'video') this.#setState('flowing', '');
  }

  sourceStalled(source: MediaSource): void {
    const current = this.#received.some((one) => one.track.source === source);
    if (current && source.kind === 'video' && this.#state !== 'closed') {
      this.#setState('stalled', 'The camera is connected, but sends no picture.');
    }
  }

  sourceParameters(source: MediaSource): void {
    const received = this.#received.find((one) => one.sources.includes(source));
    if (received !== undefined) this.#events.parameters(received.track, source);
  }

  #connect(peer: CorePeer): void {
    if (this.#received.length === 0) return;
    for (const received of this.#received) {
      if (received.sources.length > 0) continue;
      const bindBySsrc = received.codecs.length === 1;
      for (const { sdp, track } of received.codecs) {
        try {
          const trackId = received.track.trackId;
          const options = sourceOptions(received.media, sdp, track, { trackId, bindBySsrc });
          received.sources.push(this.#engine.addSource(peer, options, this));
        } catch (error) {
          this.#engine.log.warn({ reason: messageOf(error) }, 'an ingest codec cannot be received');
        }
      }
      received.track.attach(received.sources[0]);
    }
    if (this.#state === 'offered') this.#setState('connected', '');
  }

  #setState(state: IngestState, reason: string): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.#events.state(state, reason);
  }

  #end(reason: string): void {
    if (this.#state === 'closed') return;
    for (const received of this.#received) {
      // A newer ingest of the room may feed the track by now.
      if (received.sources.some((source) => source === received.track.source))
        received.track.attach(undefined);
    }
    this.#setState('closed', reason);
  }
}
