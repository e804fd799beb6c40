/**
 * One camera's picture as every view of it shares: the stream, what the subscription and the <video> say, its
 * figures and how it came. Views come and go (tile, player); the feed stays, so no view begins with black.
 */
import { Emitter } from '../../client/emitter.ts';
import type { Timers } from '../../client/timers.ts';
import {
  FrameGaps,
  TrackStatistics,
  troubleOf,
  type Report,
  type StatsSample,
} from '../actions/statistics.ts';
import type { SubscriptionFacts, VideoFacts } from '../actions/tile-facts.ts';
import type { NamespaceViewer } from './namespace-viewer.ts';
import { PictureSizes } from './picture-sizes.ts';
import type { WatchedRoom } from './watched-room.ts';

/** How the first picture came, in times since the epoch. */
export type FirstPicture = {
  startedAtMs: number;
  sessionAtMs: number | null;
  relayedAtMs: number | null;
  connectedAtMs: number | null;
  packetAtMs: number | null;
  shownAtMs: number;
};

/** `player` asks for figures once a second, `tile` every two. */
export type Interest = 'tile' | 'player';

export type FeedEvents = { change: undefined; sample: StatsSample };

const PAUSE_AFTER_MS = 2000;
const OFF_AFTER_MS = 30_000;

export class CameraFeed extends Emitter<FeedEvents> {
  readonly cameraId: string;
  readonly roomId: string;
  readonly namespace: string;
  readonly #viewer: NamespaceViewer;
  readonly #timers: Timers;
  readonly #owners = new Map<object, Interest>();
  readonly #videos = new Set<HTMLVideoElement>();
  readonly #armed = new WeakSet<HTMLVideoElement>();
  readonly #gaps = new FrameGaps();
  readonly #sizes: PictureSizes;
  #statistics = new TrackStatistics();
  #statisticsTrackId = '';
  #sample: StatsSample | null = null;
  #trouble: VideoFacts['trouble'] = null;
  #playRejected = false;
  #firstPicture: FirstPicture | null = null;
  #lastFrameAtMs: number | null = null;
  #hidden = false;
  #cancelRest: () => void = () => undefined;

  constructor(options: {
    cameraId: string;
    roomId: string;
    namespace: string;
    viewer: NamespaceViewer;
    timers: Timers;
  }) {
    super();
    this.cameraId = options.cameraId;
    this.roomId = options.roomId;
    this.namespace = options.namespace;
    this.#viewer = options.viewer;
    this.#timers = options.timers;
    this.#sizes = new PictureSizes(options.timers, (lines) => {
      this.#viewer.setHeight(this.roomId, lines);
    });
  }

  get stream(): MediaStream {
    return this.#room.stream;
  }

  get hasAudio(): boolean {
    return this.stream.getAudioTracks().length > 0;
  }

  get sample(): StatsSample | null {
    return this.#sample;
  }

  get firstPicture(): FirstPicture | null {
    return this.#firstPicture;
  }

  get video(): VideoFacts {
    return {
      playRejected: this.#playRejected,
      lastFrameAtMs: this.#lastFrameAtMs,
      trouble: this.#trouble,
    };
  }

  /** The strongest interest of the present owners; null when nobody looks. */
  get interest(): Interest | null {
    const interests = [...this.#owners.values()];
    return interests.includes('player') ? 'player' : (interests[0] ?? null);
  }

  get #room(): WatchedRoom {
    return this.#viewer.room(this.roomId);
  }

  /** Someone looks. The same owner may change its interest. */
  play(owner: object, interest: Interest): void {
    this.#owners.set(owner, interest);
    this.#apply();
  }

  /** An owner stops looking: paused after 2 s, and after 30 s the camera may rest. */
  rest(owner: object): void {
    if (this.#owners.delete(owner)) this.#apply();
  }

  /** A page nobody sees holds no picture, except one that floats above other windows. */
  setHidden(hidden: boolean): void {
    this.#hidden = hidden;
    this.#apply();
  }

  #apply(): void {
    this.#cancelRest();
    const floats = [...this.#videos].some((video) => video.ownerDocument.pictureInPictureElement === video);
    if (this.#owners.size > 0 && (!this.#hidden || floats)) {
      this.#viewer.want(this.roomId, 'play');
      return;
    }
    if (this.#room.desired === 'off') return;
    this.#cancelRest = this.#timers.after(PAUSE_AFTER_MS, () => {
      this.#viewer.want(this.roomId, 'paused');
      this.#gaps.reset();
      this.#cancelRest = this.#timers.after(OFF_AFTER_MS - PAUSE_AFTER_MS, () => {
        this.#viewer.want(this.roomId, 'off');
      });
    });
  }

  /** Shows the picture in a <video> and watches it for frames. @returns a function that stops watching. */
  show(video: HTMLVideoElement): () => void {
    this.#videos.add(video);
    const stopMeasuring = this.#sizes.watch(video);
    if (this.#trackKey !== '') this.#attach(video);
    this.#arm(video);
    return () => {
      this.#videos.delete(video);
      stopMeasuring();
    };
  }

  /**
   * The room changed. A <video> gets the stream when it has tracks, and again when they are others: it need not
   * follow a stream that changes under it.
   */
  roomChanged(): void {
    const key = this.stream
      .getTracks()
      .map((track) => track.id)
      .join(' ');
    if (key !== this.#trackKey) {
      this.#trackKey = key;
      for (const video of this.#videos) this.#attach(video);
    }
    this.emit('change', undefined);
  }

  #trackKey = '';

  #attach(video: HTMLVideoElement): void {
    video.srcObject = this.stream;
    this.playIn(video);
  }

  /** Starts a <video>; the browser may want a click first. */
  playIn(video: HTMLVideoElement): void {
    video.play().then(
      () => {
        this.#playAnswered(null);
      },
      (error: unknown) => {
        this.#playAnswered(error);
      },
    );
  }

  #playAnswered(error: unknown): void {
    const rejected = error instanceof DOMException && error.name === 'NotAllowedError';
    if (rejected === this.#playRejected) return;
    this.#playRejected = rejected;
    this.emit('change', undefined);
  }

  retryNow(): void {
    this.#viewer.retryNow(this.roomId);
  }

  /** Called twice a second: one frame per tick is enough to know that the picture flows. */
  tick(): void {
    for (const video of this.#videos) this.#arm(video);
  }

  /** Asks to be told of the next shown frame of this <video>. */
  #arm(video: HTMLVideoElement): void {
    if (this.#armed.has(video)) return;
    this.#armed.add(video);
    video.requestVideoFrameCallback(() => {
      this.#armed.delete(video);
      if (!this.#videos.has(video)) return;
      this.#shown();
      // Without a counter in the browser, freezes are found in the gaps between all frames.
      if (this.#sample?.freezesPerMinute === null || this.#countsGaps) {
        this.#countsGaps = true;
        this.#arm(video);
      }
    });
  }

  #countsGaps = false;

  #shown(): void {
    const nowMs = this.#timers.now();
    const before = this.#lastFrameAtMs;
    this.#lastFrameAtMs = nowMs;
    if (this.#countsGaps) this.#gaps.frame(nowMs);
    this.#playRejected = false;
    this.#viewer.frameShown(this.roomId);
    if (this.#firstPicture === null) {
      const { milestones } = this.#viewer;
      this.#firstPicture = {
        startedAtMs: this.#room.playSinceMs,
        ...milestones,
        packetAtMs: this.#room.firstPacketAtMs,
        shownAtMs: nowMs,
      };
    }
    if (before === null || nowMs - before > 1500) this.emit('change', undefined);
  }

  /** Takes the figures out of the connection's report. */
  take(report: Report, nowMs: number): void {
    const info = this.#room.video;
    const track = info?.mediaStreamTrack;
    if (track === undefined) return;
    if (track.id !== this.#statisticsTrackId) {
      this.#statisticsTrackId = track.id;
      this.#statistics = new TrackStatistics();
    }
    const sample = this.#statistics.update(report, {
      trackId: track.id,
      nowMs,
      mimeType: info?.mimeType ?? null,
      fmtp: info?.fmtp ?? null,
      iceServerUrls: this.#viewer.iceServerUrls,
      countedFreezes: this.#countsGaps ? this.#gaps.perMinute(nowMs) : null,
    });
    this.#sample = sample;
    const trouble = troubleOf(sample);
    if (trouble !== null) this.#trouble = { text: trouble, lastBadAtMs: nowMs };
    this.emit('sample', sample);
  }

  subscription(): SubscriptionFacts {
    const room = this.#room;
    const viewer = this.#viewer;
    const { milestones, state } = viewer;
    const isOpen = state.signaling === 'open';
    const hasSession = milestones.sessionAtMs !== null;
    const connected = state.receiving === 'connected';
    const packets = room.firstPacketAtMs !== null;
    const picture = packets && this.#lastFrameAtMs !== null;
    const refusal = room.refusal ?? (hasSession && isOpen ? null : state.refusal);
    return {
      sinceMs: room.desired === 'play' ? room.playSinceMs : null,
      stepsDone: countSteps(hasSession, connected, packets, picture),
      waitsFor: !hasSession
        ? 'access'
        : room.video === undefined
          ? 'camera'
          : !connected
            ? 'relay'
            : 'picture',
      unsupportedCodec: room.unsupportedCodec,
      refusal:
        state.endedBy !== null && !isOpen
          ? { code: 'kicked', message: state.endedBy, retryAtMs: state.retryAtMs }
          : refusal === null
            ? null
            : {
                code: refusal.code,
                message: refusal.message,
                retryAtMs: room.refusal === null ? state.retryAtMs : room.refusal.retryAtMs,
              },
      blockedTransports: state.blocked,
      slow:
        room.serverPaused === null ? null : { sentence: slowSentence(room.serverPaused), retryAtMs: null },
      sourceLost: room.sourceLost,
      recovery: room.recovery,
    };
  }

  close(): void {
    this.#cancelRest();
    this.#sizes.close();
    this.#owners.clear();
    this.#videos.clear();
    this.#viewer.forget(this.roomId);
    this.clear();
  }
}

function countSteps(...done: boolean[]): SubscriptionFacts['stepsDone'] {
  return done.filter(Boolean).length as SubscriptionFacts['stepsDone'];
}

/** The server sends a sentence; a bare code is not shown to people. */
function slowSentence(reason: string): string {
  return /\s/.test(reason) ? reason : 'It cannot carry this picture now.';
}
