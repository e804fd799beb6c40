/**
 * One signaling session: its rights, its place in the rooms, its two connections. It outlives its socket
 * by the resume window; media never depends on the socket.
 */
import { AppError } from '../../contract/errors.ts';
import type { ClientFrame, RoomTicket, ServerFrame, TrackInfo } from '../../contract/signaling.ts';
import { assertNever, messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import type { HeldTrack, PathStats } from '../media/core/types.ts';
import type { MediaEngine } from '../media/media-engine.ts';
import type { MediaTrack } from '../media/media-track.ts';
import { parseOffer, PublishLeg } from '../media/publish-leg.ts';
import { SdpError } from '../media/sdp/parse-sdp.ts';
import { SubscribeLeg } from '../media/subscribe-leg.ts';
import { requireRight, rightsOf } from '../rooms/rights.ts';
import type { ConnectionFacts } from '../rooms/why-black.ts';
import type { DataLink } from '../media/data/data-link.ts';
import type { DataRelay } from './data-relay.ts';
import { Outbox } from './outbox.ts';
import { whoOf, type Audience, type RoomDirector, type TrackOwner } from './room-director.ts';
import { SessionData } from './session-data.ts';
import type { ViewerSession } from './viewer-view.ts';

/** Frames of one client that wait for the one before them. */
const MAX_PENDING_FRAMES = 256;
const MAX_EARLY_CANDIDATES = 64;
const MAX_STATS_TRACKS = 64;

/** The contract's empty payload has no literal type in TypeScript. */
const PONG = { type: 'pong' } as unknown as ServerFrame;

type Offer = Extract<ClientFrame, { type: 'offer' }>;
type Candidate = Extract<ClientFrame, { type: 'ice-candidate' }>['candidate'];

export type SessionOptions = {
  sessionId: string;
  ticket: RoomTicket;
  director: RoomDirector;
  engine: MediaEngine;
  dataRelay: DataRelay;
  maxSubscriptions: number;
  draining: () => boolean;
  log: Logger;
};

export class Session implements Audience, TrackOwner, ViewerSession {
  readonly sessionId: string;
  readonly openedAtMs: number;
  readonly outbox = new Outbox();
  /** What the client reports of its picture, by track. */
  readonly figures = new Map<string, Record<string, number>>();
  /** When the client first said that it had decoded a frame, by track. */
  readonly #decodedAtMs = new Map<string, number>();
  readonly #options: SessionOptions;
  readonly #watched = new Map<string, MediaTrack>();
  readonly #paused = new Set<string>();
  /** Lines at which tracks are shown, where the client said so. */
  readonly #heights = new Map<string, number>();
  readonly #keyFrameLimit = new RateLimiter({ perSecond: 2, burst: 4 }, { maxKeys: 128 });
  #ticket: RoomTicket;
  #subscribe: SubscribeLeg | undefined;
  #publish: PublishLeg | undefined;
  readonly #data: SessionData;
  /** Own tracks by section. */
  readonly #publishedMids = new Map<string, string>();
  #earlyPublishCandidates: Candidate[] = [];
  #tail: Promise<void> = Promise.resolve();
  #pendingFrames = 0;
  #closed = false;

  constructor(options: SessionOptions) {
    this.sessionId = options.sessionId;
    this.openedAtMs = options.engine.clock.nowMs();
    this.#options = options;
    this.#ticket = options.ticket;
    this.#data = new SessionData({
      sessionId: options.sessionId,
      relay: options.dataRelay,
      nowMs: () => options.engine.clock.nowMs(),
      fail: (error) => {
        this.#fail(error, {});
      },
    });
    options.director.addAudience(options.sessionId, this);
  }

  get identity(): string {
    return this.#ticket.identity;
  }

  get ticket(): RoomTicket {
    return this.#ticket;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True when the session holds something that a resume would bring back. */
  get worthKeeping(): boolean {
    return this.#subscribe !== undefined || this.#publish !== undefined || this.#rooms().length > 0;
  }

  get publishes(): boolean {
    return this.#publish !== undefined;
  }

  get watching(): number {
    return this.#watched.size;
  }

  /** Its data channels; undefined while it has none. */
  get dataLink(): DataLink | undefined {
    return this.#data.link;
  }

  /** What is known of the path to this viewer; undefined before its connection is up. */
  get viewerPath(): PathStats | undefined {
    return this.#subscribe?.path;
  }

  // -- Audience --------------------------------------------------------------------------------------

  send(frame: ServerFrame): void {
    if (!this.#closed) this.outbox.send(frame);
  }

  watch(track: MediaTrack): void {
    this.#watched.set(track.trackId, track);
    try {
      this.#watchOn(this.#subscribeLeg(), track);
    } catch (error) {
      this.#fail(error, { trackId: track.trackId });
    }
  }

  unwatch(trackId: string): void {
    this.#watched.delete(trackId);
    this.#paused.delete(trackId);
    this.#heights.delete(trackId);
    this.figures.delete(trackId);
    this.#decodedAtMs.delete(trackId);
    this.#subscribe?.unwatch(trackId);
  }

  trackEnded(trackId: string): void {
    this.#publish?.dropTrack(trackId);
  }

  // -- Frames ----------------------------------------------------------------------------------------

  /** Takes one checked frame; frames of a session are worked on one after the other. */
  receive(frame: ClientFrame): void {
    if (this.#closed) return;
    if (this.#pendingFrames >= MAX_PENDING_FRAMES) {
      const said = 'Too many frames wait for the one before them; this one was not read.';
      this.#fail(
        new AppError('rate_limited', said),
        'requestId' in frame ? { requestId: frame.requestId } : {},
      );
      return;
    }
    this.#pendingFrames += 1;
    this.#tail = this.#tail.then(async () => {
      this.#pendingFrames -= 1;
      if (this.#closed) return;
      try {
        await this.#handle(frame);
      } catch (error) {
        const requestId = 'requestId' in frame ? frame.requestId : undefined;
        const roomId = 'roomId' in frame ? frame.roomId : undefined;
        this.#fail(error, { requestId, roomId });
      }
    });
  }

  /**
   * Continues with a new socket's rights: rooms that they do not open any more are left. What the client
   * may have missed is told again: rooms, sections, an offer without answer.
   */
  resumed(ticket: RoomTicket): void {
    this.#ticket = ticket;
    const { director, engine } = this.#options;
    for (const { roomId } of this.#rooms()) {
      if (ticket.rooms === null || ticket.rooms.includes(roomId)) continue;
      director.apply(director.rooms.leave(this.sessionId, roomId, engine.clock.nowMs()));
      this.send({ type: 'kicked', roomId, reason: 'This credential does not open the room any more.' });
    }
    director.apply(director.rooms.setRights(this.sessionId, whoOf(ticket)));
    for (const frame of director.rooms.welcomeAgain(this.sessionId)) this.send(frame);
    const offer = this.#subscribe?.pendingOffer;
    if (offer !== undefined) this.send({ type: 'offer', connection: 'subscribe', ...offer });
    else {
      for (const slot of this.#subscribe?.slots() ?? []) this.send({ type: 'slot', ...slot });
    }
  }

  /** Offers the subscribe connection with new ICE credentials. @returns false when there is none. */
  restartIce(): boolean {
    if (this.#subscribe === undefined || this.#subscribe.closed) return false;
    this.#subscribe.restartIce();
    return true;
  }

  /** For the list of rooms: whether its socket is there. */
  setConnected(connected: boolean): void {
    this.#options.director.rooms.setConnected(this.sessionId, connected);
  }

  /** Ends the session: rooms, tracks, connections. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#publish?.close();
    this.#data.close();
    this.#subscribe?.close();
    this.#options.director.removeAudience(this.sessionId, this.#options.engine.clock.nowMs());
    this.#watched.clear();
  }

  async #handle(frame: ClientFrame): Promise<void> {
    const { director, engine } = this.#options;
    const { rooms } = director;
    const nowMs = engine.clock.nowMs();
    switch (frame.type) {
      case 'join':
        if (this.#options.draining()) {
          throw new AppError('shutting_down', 'This server is about to stop; join again elsewhere.');
        }
        director.apply(rooms.join({ sessionId: this.sessionId, who: whoOf(this.#ticket) }, frame, nowMs));
        return;
      case 'leave':
        director.apply(rooms.leave(this.sessionId, frame.roomId, nowMs));
        this.send({ type: 'left', ...echo(frame.requestId), roomId: frame.roomId });
        return;
      case 'subscribe':
        director.apply(rooms.subscribe(this.sessionId, frame.roomId, frame.trackId));
        return;
      case 'unsubscribe':
        director.apply(rooms.unsubscribe(this.sessionId, frame.roomId, frame.trackId));
        return;
      case 'track-state':
        if (frame.muted !== undefined) {
          director.apply(rooms.setMuted(this.sessionId, frame.trackId, frame.muted));
        }
        if (frame.height !== undefined) this.#setHeight(frame.trackId, frame.height ?? undefined);
        if (frame.paused !== undefined) this.#setPaused(frame.trackId, frame.paused);
        return;
      case 'offer':
        await this.#takeOffer(frame);
        return;
      case 'answer':
        if (frame.connection === 'publish') {
          throw new AppError('negotiation_failed', 'The publish connection is offered by the client.');
        }
        if (this.#subscribe === undefined) {
          throw new AppError('negotiation_failed', 'There is no offer that waits for an answer.');
        }
        this.#subscribe.answer(frame.sdp);
        return;
      case 'ice-candidate':
        this.#takeCandidate(frame.connection, frame.candidate);
        return;
      case 'restart':
        this.#restart(frame.connection);
        return;
      case 'key-frame':
        this.#keyFrame(frame.trackId, nowMs);
        return;
      case 'open-data':
        this.#openData(frame.requestId);
        return;
      case 'kick': {
        rooms.requireModerator(this.sessionId, frame.roomId);
        director.apply(rooms.kick(frame.roomId, frame, nowMs).effects);
        this.send({ type: 'done', ...echo(frame.requestId) });
        return;
      }
      case 'mute':
        rooms.requireModerator(this.sessionId, frame.roomId);
        director.apply(rooms.mute(frame.roomId, frame).effects);
        this.send({ type: 'done', ...echo(frame.requestId) });
        return;
      case 'close':
        rooms.requireModerator(this.sessionId, frame.roomId);
        director.apply(rooms.close(frame.roomId, frame.reason));
        this.send({ type: 'done', ...echo(frame.requestId) });
        return;
      case 'stats':
        this.#takeFigures(frame.trackId, frame.figures, nowMs);
        return;
      case 'ping':
        this.send(PONG);
        return;
      case 'resume':
        throw new AppError('resume_failed', 'A session is resumed by the first frame of a socket only.');
      default:
        assertNever(frame);
    }
  }

  #takeFigures(trackId: string, figures: Record<string, number>, nowMs: number): void {
    if (!this.#watched.has(trackId)) return;
    if (!this.figures.has(trackId) && this.figures.size >= MAX_STATS_TRACKS) return;
    this.figures.set(trackId, figures);
    if ((figures['framesDecoded'] ?? 0) > 0 && !this.#decodedAtMs.has(trackId)) {
      this.#decodedAtMs.set(trackId, nowMs);
    }
  }

  /** How far the receiving connection has come; null while there is none. */
  connectionFacts(): ConnectionFacts | null {
    return this.#subscribe?.milestones() ?? null;
  }

  /** How far a track has come on it. */
  trackFacts(trackId: string): ReturnType<ViewerSession['trackFacts']> {
    const sent = this.#subscribe?.sentAtMs(trackId) ?? { packetAtMs: null, keyFrameAtMs: null, held: false };
    return {
      ...sent,
      paused: this.#paused.has(trackId),
      decodedAtMs: this.#decodedAtMs.get(trackId) ?? null,
      reports: this.figures.has(trackId),
    };
  }

  // -- Watching --------------------------------------------------------------------------------------

  #subscribeLeg(): SubscribeLeg {
    if (this.#subscribe !== undefined && !this.#subscribe.closed) return this.#subscribe;
    const leg: SubscribeLeg = new SubscribeLeg({
      engine: this.#options.engine,
      maxSlots: this.#options.maxSubscriptions,
      firstMid: this.#subscribe?.nextMid ?? 0,
      events: {
        offer: (offer) => {
          this.send({ type: 'offer', connection: 'subscribe', ...offer });
        },
        slot: (mid, trackId) => {
          this.send({ type: 'slot', mid, trackId });
        },
        held: (trackId, held) => {
          this.send({
            type: 'track-state',
            trackId,
            ...(held === undefined ? { paused: false } : { paused: true, reason: reasonOf(held) }),
          });
        },
        rejected: (trackId, codec) => {
          const { director } = this.#options;
          const roomId = director.rooms.track(trackId)?.roomId;
          const message = `This viewer cannot play ${codec}.`;
          this.send({ type: 'error', code: 'codec_not_supported', message, ...(roomId && { roomId }) });
          director.apply(director.rooms.refuse(this.sessionId, trackId));
        },
        data: (open) => {
          this.#data.open(open);
        },
        dataRejected: () => {
          this.#data.close();
          const message = 'This client takes no data channels.';
          this.send({ type: 'error', code: 'negotiation_failed', message });
        },
        failed: (message) => {
          this.send({ type: 'error', code: 'negotiation_failed', message });
        },
        closed: (reason) => {
          if (this.#subscribe !== leg) return;
          this.#data.close();
          this.#connectionGone('subscribe', reason);
        },
      },
    });
    this.#subscribe = leg;
    // In place of one that ended, whatever asks for it first: with all that is watched.
    for (const track of this.#watched.values()) this.#watchOn(leg, track);
    if (this.#data.wanted) leg.wantData();
    return leg;
  }

  #openData(requestId: string | undefined): void {
    const rights = rightsOf(this.#ticket);
    // Whoever may do neither could not even listen.
    if (!rights.has('subscribe')) requireRight(rights, 'data');
    this.send({ type: 'data-open', ...echo(requestId), ...this.#options.dataRelay.limits });
    this.#data.want();
    this.#subscribeLeg().wantData();
  }

  #setPaused(trackId: string, paused: boolean): void {
    if (!this.#watched.has(trackId)) {
      throw new AppError('track_not_found', 'This session does not watch such a track.');
    }
    if (paused) this.#paused.add(trackId);
    else this.#paused.delete(trackId);
    this.#subscribe?.setPaused(trackId, paused);
    this.send({ type: 'track-state', trackId, paused });
  }

  #setHeight(trackId: string, height: number | undefined): void {
    if (!this.#watched.has(trackId)) {
      throw new AppError('track_not_found', 'This session does not watch such a track.');
    }
    if (height === undefined) this.#heights.delete(trackId);
    else this.#heights.set(trackId, height);
    this.#subscribe?.setHeight(trackId, height);
  }

  #keyFrame(trackId: string, nowMs: number): void {
    if (!this.#watched.has(trackId)) {
      throw new AppError('track_not_found', 'This session does not watch such a track.');
    }
    if (this.#keyFrameLimit.take(trackId, nowMs) > 0) {
      throw new AppError('rate_limited', 'Key frames are asked for too often.');
    }
    this.#subscribe?.requestKeyFrame(trackId);
  }

  #restart(connection: 'subscribe' | 'publish'): void {
    if (connection === 'publish') {
      throw new AppError('negotiation_failed', 'The client restarts its own connection by a new offer.');
    }
    if (this.restartIce()) return;
    // The connection is dead: a new one with the same tracks. The client sees it by the offer's origin.
    this.#subscribeLeg();
  }

  #watchOn(leg: SubscribeLeg, track: MediaTrack): void {
    leg.watch(track, this.#paused.has(track.trackId));
    leg.setHeight(track.trackId, this.#heights.get(track.trackId));
  }

  // -- Publishing ------------------------------------------------------------------------------------

  async #takeOffer(frame: Offer): Promise<void> {
    if (frame.connection === 'subscribe') {
      throw new AppError('negotiation_failed', 'The subscribe connection is offered by the server.');
    }
    const roomId = frame.roomId ?? this.#onlyRoom();
    const who = whoOf(this.#ticket);
    const { participantId } = this.#options.director.rooms.publisher(
      { sessionId: this.sessionId, who },
      roomId,
    );
    const offer = parseOffer(frame.sdp);
    if (this.#publish?.closed === true || this.#publish?.isOtherPeer(offer) === true) {
      this.#publish.close();
      this.#publish = undefined;
    }
    const leg = this.#publish ?? (await this.#openPublishLeg());
    if (this.#closed) {
      leg.close();
      return;
    }
    const sourceOf = new Map((frame.tracks ?? []).map(({ mid, source }) => [mid, source]));
    const refusals: AppError[] = [];
    const sdp = await leg.answer(offer, ({ mid, codec }) => {
      try {
        const source: TrackInfo['source'] = sourceOf.get(mid) ?? 'unknown';
        const { identity } = this.#ticket;
        const track = this.#options.director.addTrack({
          roomId,
          participantId,
          identity,
          source,
          codec,
          owner: this,
        });
        this.#publishedMids.set(mid, track.trackId);
        return track;
      } catch (error) {
        if (error instanceof AppError) refusals.push(error);
        else throw error;
        return undefined;
      }
    });
    const mids = Object.fromEntries(this.#publishedMids);
    this.send({ type: 'answer', ...echo(frame.requestId), connection: 'publish', sdp, mids });
    for (const refusal of refusals) this.#fail(refusal, { requestId: frame.requestId, roomId });
    for (const candidate of this.#earlyPublishCandidates.splice(0)) leg.addCandidate(candidate);
  }

  async #openPublishLeg(): Promise<PublishLeg> {
    const { director, engine } = this.#options;
    const leg: PublishLeg = await PublishLeg.open(engine, {
      removed: (track) => {
        for (const [mid, trackId] of this.#publishedMids) {
          if (trackId === track.trackId) this.#publishedMids.delete(mid);
        }
        director.removeTrack(track.trackId);
      },
      parameters: (track, source) => {
        director.noteParameters(track, source, engine.clock.nowMs());
      },
      closed: (reason) => {
        if (this.#publish !== leg) return;
        this.#publish = undefined;
        this.#connectionGone('publish', reason);
      },
    });
    this.#publish = leg;
    return leg;
  }

  #onlyRoom(): string {
    const [room, ...others] = this.#rooms();
    if (room === undefined) throw new AppError('not_joined', 'Join a room before you publish into it.');
    if (others.length > 0) throw new AppError('invalid_request', 'Name the room to publish into: roomId.');
    return room.roomId;
  }

  // -- Both ------------------------------------------------------------------------------------------

  #takeCandidate(connection: 'subscribe' | 'publish', candidate: Candidate): void {
    if (connection === 'subscribe') this.#subscribe?.addCandidate(candidate);
    else if (this.#publish !== undefined) this.#publish.addCandidate(candidate);
    else if (this.#earlyPublishCandidates.length < MAX_EARLY_CANDIDATES) {
      this.#earlyPublishCandidates.push(candidate);
    }
  }

  #rooms(): { roomId: string }[] {
    return this.#options.director.rooms.roomsOf(this.sessionId);
  }

  #connectionGone(connection: 'subscribe' | 'publish', reason: string): void {
    this.send({
      type: 'error',
      code: 'unavailable',
      message: `The ${connection} connection ended. ${reason}`,
      connection,
    });
  }

  #fail(
    error: unknown,
    context: { requestId?: string | undefined; roomId?: string | undefined; trackId?: string },
  ): void {
    const where = { ...echo(context.requestId), ...(context.roomId && { roomId: context.roomId }) };
    if (error instanceof AppError) {
      this.send({ type: 'error', code: error.code, message: error.message, ...where });
    } else if (error instanceof SdpError) {
      this.send({ type: 'error', code: 'negotiation_failed', message: error.message, ...where });
    } else {
      this.#options.log.error({ err: error, sessionId: this.sessionId }, 'a signaling frame failed');
      const message = `The request could not be carried out: ${messageOf(error)}`.slice(0, 300);
      this.send({ type: 'error', code: 'internal', message, ...where });
    }
  }
}

function echo(requestId: string | undefined): { requestId?: string } {
  return requestId === undefined ? {} : { requestId };
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
