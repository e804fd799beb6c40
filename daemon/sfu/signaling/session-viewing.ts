/** What one session receives: its subscribe connection, the tracks it watches there, and what its client says of them. */
import { AppError } from '../../contract/errors.ts';
import type { IceCandidateInit } from '../../contract/ice.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import type { DownlinkStats, HeldTrack, PathStats } from '../media/core/types.ts';
import type { DataLink } from '../media/data/data-link.ts';
import type { MediaEngine } from '../media/media-engine.ts';
import type { MediaTrack } from '../media/media-track.ts';
import { SubscribeLeg } from '../media/subscribe-leg.ts';
import type { ConnectionFacts } from '../rooms/why-black.ts';
import type { DataRelay } from './data-relay.ts';
import { SessionData } from './session-data.ts';
import { connectionGone, type SessionVoice } from './session-voice.ts';
import type { ViewerSession } from './viewer-view.ts';

const MAX_STATS_TRACKS = 64;

export type SessionViewingOptions = {
  sessionId: string;
  engine: MediaEngine;
  dataRelay: DataRelay;
  maxSubscriptions: number;
  voice: SessionVoice;
  /** The client cannot play a track. */
  refused: (trackId: string, codec: string) => void;
};

export class SessionViewing implements ViewerSession {
  readonly openedAtMs: number;
  /** What the client reports of its picture, by track. */
  readonly figures = new Map<string, Record<string, number>>();
  /** When the client first said that it had decoded a frame, by track. */
  readonly #decodedAtMs = new Map<string, number>();
  readonly #options: SessionViewingOptions;
  readonly #watched = new Map<string, MediaTrack>();
  readonly #paused = new Set<string>();
  /** Lines at which tracks are shown, where the client said so. */
  readonly #heights = new Map<string, number>();
  readonly #keyFrameLimit = new RateLimiter({ perSecond: 2, burst: 4 }, { maxKeys: 128 });
  readonly #data: SessionData;
  #leg: SubscribeLeg | undefined;

  constructor(options: SessionViewingOptions) {
    const { sessionId, engine, dataRelay, voice } = options;
    this.#options = options;
    this.openedAtMs = engine.clock.nowMs();
    this.#data = new SessionData({
      sessionId,
      relay: dataRelay,
      nowMs: () => engine.clock.nowMs(),
      fail: (error) => {
        voice.fail(error, {});
      },
    });
  }

  /** True when there has been a connection. */
  get began(): boolean {
    return this.#leg !== undefined;
  }

  get watching(): number {
    return this.#watched.size;
  }

  get dataLink(): DataLink | undefined {
    return this.#data.link;
  }

  /** What is known of the path to this viewer; undefined before its connection is up. */
  get path(): PathStats | undefined {
    return this.#leg?.path;
  }

  /** How far the connection has come; null while there is none. */
  connectionFacts(): ConnectionFacts | null {
    return this.#leg?.milestones() ?? null;
  }

  /** How far a track has come on it. */
  trackFacts(trackId: string): ReturnType<ViewerSession['trackFacts']> {
    const sent = this.#leg?.sentAtMs(trackId) ?? { packetAtMs: null, keyFrameAtMs: null, held: false };
    return {
      ...sent,
      paused: this.#paused.has(trackId),
      behind: typeof this.path?.slowSinceMs === 'number' && (this.sentOf(trackId)?.framesSpared ?? 0) > 0,
      decodedAtMs: this.#decodedAtMs.get(trackId) ?? null,
      reports: this.figures.has(trackId),
    };
  }

  sentOf(trackId: string): DownlinkStats | undefined {
    return this.#leg?.sent(trackId);
  }

  watch(track: MediaTrack): void {
    this.#watched.set(track.trackId, track);
    this.#watchOn(this.#openLeg(), track);
  }

  unwatch(trackId: string): void {
    this.#watched.delete(trackId);
    this.#paused.delete(trackId);
    this.#heights.delete(trackId);
    this.figures.delete(trackId);
    this.#decodedAtMs.delete(trackId);
    this.#leg?.unwatch(trackId);
  }

  /** @param offerId the offer that it answers, where the client says so. @throws AppError negotiation_failed, or SdpError. */
  answer(sdp: string, offerId: string | undefined): void {
    if (this.#leg === undefined) {
      throw new AppError('negotiation_failed', 'There is no offer that waits for an answer.');
    }
    this.#leg.answer(sdp, offerId);
  }

  addCandidate(candidate: IceCandidateInit | null): void {
    this.#leg?.addCandidate(candidate);
  }

  /** Offers the connection with new ICE credentials. @returns false when there is none. */
  restartIce(): boolean {
    if (this.#leg === undefined || this.#leg.closed) return false;
    this.#leg.restartIce();
    return true;
  }

  /** The client's connection is dead, or it says so: restarted, or a new one with the same tracks. The client sees that by the offer's origin. */
  restart(): void {
    if (!this.restartIce()) this.#openLeg();
  }

  /** Opens data channels when the connection can carry them. */
  openData(): void {
    this.#data.want();
    this.#openLeg().wantData();
  }

  /** @throws AppError track_not_found. */
  setPaused(trackId: string, paused: boolean): void {
    this.#requireWatched(trackId);
    if (paused) this.#paused.add(trackId);
    else this.#paused.delete(trackId);
    this.#leg?.setPaused(trackId, paused);
    this.#options.voice.send({ type: 'track-state', trackId, paused });
  }

  /** @param height in lines; undefined: as many as there are. @throws AppError track_not_found. */
  setHeight(trackId: string, height: number | undefined): void {
    this.#requireWatched(trackId);
    if (height === undefined) this.#heights.delete(trackId);
    else this.#heights.set(trackId, height);
    this.#leg?.setHeight(trackId, height);
  }

  /** @throws AppError track_not_found or rate_limited. */
  requestKeyFrame(trackId: string, nowMs: number): void {
    this.#requireWatched(trackId);
    if (this.#keyFrameLimit.take(trackId, nowMs) > 0) {
      throw new AppError('rate_limited', 'Key frames are asked for too often.');
    }
    this.#leg?.requestKeyFrame(trackId);
  }

  /** What the client reports of a track; of one that it does not watch nothing is kept. */
  takeFigures(trackId: string, figures: Record<string, number>, nowMs: number): void {
    if (!this.#watched.has(trackId)) return;
    if (!this.figures.has(trackId) && this.figures.size >= MAX_STATS_TRACKS) return;
    this.figures.set(trackId, figures);
    if ((figures['framesDecoded'] ?? 0) > 0 && !this.#decodedAtMs.has(trackId)) {
      this.#decodedAtMs.set(trackId, nowMs);
    }
  }

  /** Tells again what a client that was away may have missed: an offer without answer, or the sections. */
  tellAgain(): void {
    const { voice } = this.#options;
    const offer = this.#leg?.pendingOffer;
    if (offer !== undefined) voice.send({ type: 'offer', connection: 'subscribe', ...offer });
    else for (const slot of this.#leg?.slots() ?? []) voice.send({ type: 'slot', ...slot });
  }

  /** Ends the connection. Twice is harmless. */
  close(): void {
    this.#data.close();
    this.#leg?.close();
    this.#watched.clear();
  }

  #requireWatched(trackId: string): void {
    if (this.#watched.has(trackId)) return;
    throw new AppError('track_not_found', 'This session does not watch such a track.');
  }

  #watchOn(leg: SubscribeLeg, track: MediaTrack): void {
    leg.watch(track, this.#paused.has(track.trackId));
    leg.setHeight(track.trackId, this.#heights.get(track.trackId));
  }

  #openLeg(): SubscribeLeg {
    if (this.#leg !== undefined && !this.#leg.closed) return this.#leg;
    const { engine, maxSubscriptions, voice, refused } = this.#options;
    const leg: SubscribeLeg = new SubscribeLeg({
      engine,
      maxSlots: maxSubscriptions,
      firstMid: this.#leg?.nextMid ?? 0,
      events: {
        offer: (offer) => {
          voice.send({ type: 'offer', connection: 'subscribe', ...offer });
        },
        slot: (mid, trackId) => {
          voice.send({ type: 'slot', mid, trackId });
        },
        held: (trackId, held) => {
          const state = held === undefined ? { paused: false } : { paused: true, reason: reasonOf(held) };
          voice.send({ type: 'track-state', trackId, ...state });
        },
        rejected: refused,
        data: (open) => {
          this.#data.open(open);
        },
        dataRejected: () => {
          this.#data.close();
          voice.fail(new AppError('negotiation_failed', 'This client takes no data channels.'), {});
        },
        failed: (message) => {
          voice.fail(new AppError('negotiation_failed', message), {});
        },
        closed: (reason) => {
          if (this.#leg !== leg) return;
          this.#data.close();
          voice.send(connectionGone('subscribe', reason));
        },
      },
    });
    this.#leg = leg;
    // In place of one that ended, whatever asks for it first: with all that is watched.
    for (const track of this.#watched.values()) this.#watchOn(leg, track);
    if (this.#data.wanted) leg.wantData();
    return leg;
  }
}

/** Told to a person under "Paused: your network is too slow". */
function reasonOf({ carriesBitsPerSecond, needsBitsPerSecond }: HeldTrack): string {
  const needs = `this picture needs ${megabits(needsBitsPerSecond)}`;
  return carriesBitsPerSecond === null
    ? `It carries too little: ${needs}. It comes back by itself.`
    : `It carries about ${megabits(carriesBitsPerSecond)}; ${needs}. It comes back by itself.`;
}

function megabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1_000_000).toFixed(1)} Mbit/s`;
}
