/** A track a page publishes. It outlives connections and sessions: it is published again until it is taken back. */
import type { TrackInfo } from '../../daemon/contract/signaling.ts';
import { Emitter } from './emitter.ts';
import { sentFigures, withRate, type SentFigures } from './track-figures.ts';

export type PublishSource = Exclude<TrackInfo['source'], 'ingest' | 'unknown'>;

export type PublishOptions = {
  /** What others are told it is; guessed from the track if left out. */
  source?: PublishSource;
  /** Several sizes at once (simulcast), for example by `rid` and `scaleResolutionDownBy`; or a bit rate's limit. */
  encodings?: RTCRtpEncodingParameters[];
  /** The codec to send, for example `video/VP8`; the browser's first choice if left out. */
  codec?: string;
};

export type PublicationState = 'waiting' | 'published' | 'ended';

export type PublicationEvents = {
  /** Others see it now, under this id. After a new session it has another one. */
  published: { trackId: string | null };
  /** Over: taken back, its source ended, its room left (null), or refused, with a sentence. */
  ended: { reason: string | null };
  /** A moderator muted it, or not any more: nobody is sent anything of it until a moderator undoes that. */
  forced: boolean;
};

/** What a publication needs of the publisher that carries it. */
export type PublicationPort = {
  unpublish(publication: Publication): void;
  tellMuted(publication: Publication): void;
};

export class Publication extends Emitter<PublicationEvents> {
  readonly roomId: string;
  readonly source: PublishSource;
  readonly options: PublishOptions;
  /** @internal */
  transceiver: RTCRtpTransceiver | undefined;
  readonly #port: PublicationPort;
  readonly #sourceEnded = (): void => {
    this.unpublish();
  };
  #track: MediaStreamTrack;
  #state: PublicationState = 'waiting';
  #trackId: string | null = null;
  #muted = false;
  #forced = false;
  #figures: SentFigures | null = null;

  /** @internal */
  constructor(roomId: string, track: MediaStreamTrack, options: PublishOptions, port: PublicationPort) {
    super();
    this.roomId = roomId;
    this.options = options;
    this.source = options.source ?? guessSource(track);
    this.#port = port;
    this.#track = track;
    track.addEventListener('ended', this.#sourceEnded);
  }

  get state(): PublicationState {
    return this.#state;
  }

  /** The id others see; null until then. */
  get trackId(): string | null {
    return this.#trackId;
  }

  get kind(): 'audio' | 'video' {
    return this.#track.kind as 'audio' | 'video';
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** A moderator has muted it. */
  get forced(): boolean {
    return this.#forced;
  }

  get mediaStreamTrack(): MediaStreamTrack {
    return this.#track;
  }

  /** Sends silence or black, and tells the others, later comers too. */
  setMuted(muted: boolean): void {
    if (this.#muted === muted || this.#state === 'ended') return;
    this.#muted = muted;
    this.#track.enabled = !muted;
    this.#port.tellMuted(this);
  }

  /** Sends another track of the same kind in its place, for example of another camera. The old one is not stopped. */
  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    if (track.kind !== this.kind)
      throw new TypeError(`replaceTrack: a track of kind ${this.kind} is needed.`);
    if (this.#state === 'ended') throw new Error('This track is published no more: publish the new one.');
    await this.transceiver?.sender.replaceTrack(track);
    this.#track.removeEventListener('ended', this.#sourceEnded);
    this.#track = track;
    track.enabled = !this.#muted;
    track.addEventListener('ended', this.#sourceEnded);
  }

  /** Takes it back. The MediaStreamTrack stays the page's: stop it to switch the camera off. Twice is harmless. */
  unpublish(): void {
    this.#port.unpublish(this);
  }

  /** Figures of what is sent; null before anything is. Rates are those since the call before. */
  async stats(): Promise<SentFigures | null> {
    const report = await this.transceiver?.sender.getStats();
    const now = report ? sentFigures([...report.values()] as unknown[]) : null;
    this.#figures = now && withRate(now, this.#figures);
    return this.#figures;
  }

  /** @internal The server has it. */
  answered(trackId: string | null): void {
    if (this.#state === 'ended' || (this.#state === 'published' && this.#trackId === trackId)) return;
    this.#state = 'published';
    this.#trackId = trackId;
    if (this.#muted) this.#port.tellMuted(this);
    this.emit('published', { trackId });
  }

  /** @internal */
  takeForced(forced: boolean): void {
    if (forced === this.#forced) return;
    this.#forced = forced;
    this.emit('forced', forced);
  }

  /** @internal The connection that carried it is over. */
  forget(): void {
    this.transceiver = undefined;
    this.#trackId = null;
    this.#figures = null;
    if (this.#state !== 'ended') this.#state = 'waiting';
  }

  /** @internal */
  end(reason: string | null): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#trackId = null;
    this.#track.removeEventListener('ended', this.#sourceEnded);
    this.emit('ended', { reason });
    this.clear();
  }
}

/** A screen says so in its settings; sound is a microphone's. */
export function guessSource(track: Pick<MediaStreamTrack, 'kind' | 'getSettings'>): PublishSource {
  if (track.kind === 'audio') return 'microphone';
  return track.getSettings().displaySurface === undefined ? 'camera' : 'screen';
}
