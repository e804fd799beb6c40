/**
 * One published track between its source and its viewers. The source may go and come back (a camera that
 * reconnects); viewers stay attached and need no new offer.
 */
import type { MediaSource } from './core/types.ts';
import type { TrackCodec } from './codecs.ts';

/** A viewer's media section. */
export interface TrackSink {
  sourceChanged(source: MediaSource | undefined): void;
}

export class MediaTrack {
  readonly trackId: string;
  /** The `a=msid` stream: browsers synchronise audio and video of one stream (RFC 8830). */
  readonly streamId: string;
  #codec: TrackCodec;
  #source: MediaSource | undefined;
  readonly #sinks = new Set<TrackSink>();

  constructor(options: { trackId: string; streamId: string; codec: TrackCodec }) {
    this.trackId = options.trackId;
    this.streamId = options.streamId;
    this.#codec = options.codec;
  }

  get codec(): TrackCodec {
    return this.#codec;
  }

  get source(): MediaSource | undefined {
    return this.#source;
  }

  /** What is really sent, for viewers that come later. The codec's name never changes. */
  setFmtp(fmtp: string): void {
    this.#codec = { ...this.#codec, fmtp };
  }

  /** Moves all viewers to a source; undefined leaves them waiting. */
  attach(source: MediaSource | undefined): void {
    if (this.#source === source) return;
    this.#source = source;
    for (const sink of this.#sinks) sink.sourceChanged(source);
  }

  addSink(sink: TrackSink): void {
    this.#sinks.add(sink);
    sink.sourceChanged(this.#source);
  }

  removeSink(sink: TrackSink): void {
    this.#sinks.delete(sink);
  }
}
