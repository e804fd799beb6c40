/**
 * One published track between its source and its viewers. The source may go and come back (a camera that
 * reconnects); viewers stay attached and need no new offer.
 */
import type { MediaSource } from './core/types.ts';
import type { TrackCodec } from './codecs.ts';

/** A viewer's media section. */
export interface TrackSink {
  /** What feeds the track: nothing, one source, or several encodings of one picture. */
  sourcesChanged(sources: readonly MediaSource[]): void;
  /** The stream is another one than it was told to be. `isFirst`: nothing had been measured before. */
  codecChanged(isFirst: boolean): void;
}

export class MediaTrack {
  readonly trackId: string;
  /** The `a=msid` stream: browsers synchronise audio and video of one stream (RFC 8830). */
  readonly streamId: string;
  /** What its sender has said that it would send; `codec` is what it does send. */
  readonly declared: TrackCodec;
  #codec: TrackCodec;
  #isMeasured = false;
  #sources: readonly MediaSource[] = [];
  readonly #sinks = new Set<TrackSink>();
  #silent = false;

  constructor(options: { trackId: string; streamId: string; codec: TrackCodec }) {
    this.trackId = options.trackId;
    this.streamId = options.streamId;
    this.declared = options.codec;
    this.#codec = options.codec;
  }

  get codec(): TrackCodec {
    return this.#codec;
  }

  /** What feeds it; of several encodings, the first. */
  get source(): MediaSource | undefined {
    return this.#sources[0];
  }

  get sources(): readonly MediaSource[] {
    return this.#sources;
  }

  /** What is really sent. The codec's name never changes. */
  setFmtp(fmtp: string): void {
    const isFirst = !this.#isMeasured;
    this.#isMeasured = true;
    if (this.#codec.fmtp === fmtp) return;
    this.#codec = { ...this.#codec, fmtp };
    for (const sink of this.#sinks) sink.codecChanged(isFirst);
  }

  /** Moves all viewers to a source; undefined leaves them waiting. */
  attach(source: MediaSource | undefined): void {
    if (this.#sources.length < 2 && this.source === source) return;
    this.attachLayers(source === undefined ? [] : [source]);
  }

  /** Feeds all viewers from several encodings; each gets the one that fits it. */
  attachLayers(sources: readonly MediaSource[]): void {
    this.#sources = sources;
    if (!this.#silent) this.#tell(sources);
  }

  /** Sends nothing of it to anybody while `silent`, whatever feeds it. */
  setSilent(silent: boolean): void {
    if (this.#silent === silent) return;
    this.#silent = silent;
    this.#tell(silent ? [] : this.#sources);
  }

  addSink(sink: TrackSink): void {
    this.#sinks.add(sink);
    sink.sourcesChanged(this.#silent ? [] : this.#sources);
  }

  removeSink(sink: TrackSink): void {
    this.#sinks.delete(sink);
  }

  #tell(sources: readonly MediaSource[]): void {
    for (const sink of this.#sinks) sink.sourcesChanged(sources);
  }
}
