/**
 * One signaling session: its rights, its place in the rooms, its two connections. It outlives its socket
 * by the resume window; media never depends on the socket.
 */
import { AppError } from '../../contract/errors.ts';
import type { ClientFrame, RoomTicket, ServerFrame } from '../../contract/signaling.ts';
import { assertNever } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type { MediaEngine } from '../media/media-engine.ts';
import type { MediaTrack } from '../media/media-track.ts';
import { requireRight, rightsOf } from '../rooms/rights.ts';
import type { DataRelay } from './data-relay.ts';
import { Outbox } from './outbox.ts';
import { whoOf, type Audience, type RoomDirector } from './room-director.ts';
import { SessionPublishing } from './session-publishing.ts';
import { SessionViewing } from './session-viewing.ts';
import { echo, errorFrame, type FailureContext } from './session-voice.ts';

/** Frames of one client that wait for the one before them. */
const MAX_PENDING_FRAMES = 256;

/** The contract's empty payload has no literal type in TypeScript. */
const PONG = { type: 'pong' } as unknown as ServerFrame;

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

export class Session implements Audience {
  readonly sessionId: string;
  readonly outbox = new Outbox();
  readonly #options: SessionOptions;
  /** What it receives. */
  readonly viewing: SessionViewing;
  readonly #publishing: SessionPublishing;
  #ticket: RoomTicket;
  #tail: Promise<void> = Promise.resolve();
  #pendingFrames = 0;
  #closed = false;

  constructor(options: SessionOptions) {
    const { sessionId, engine, director, dataRelay, maxSubscriptions } = options;
    this.sessionId = sessionId;
    this.#options = options;
    this.#ticket = options.ticket;
    this.#publishing = new SessionPublishing({ sessionId, engine, director, voice: this });
    this.viewing = new SessionViewing({
      ...{ sessionId, engine, dataRelay, maxSubscriptions, voice: this },
      refused: (trackId, codec) => {
        const roomId = director.rooms.tracks.get(trackId)?.roomId;
        this.fail(new AppError('codec_not_supported', `This viewer cannot play ${codec}.`), { roomId });
        director.apply(director.rooms.watching.refuse(sessionId, trackId));
      },
    });
    director.addAudience(sessionId, this);
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
    return this.viewing.began || this.#publishing.began || this.#rooms().length > 0;
  }

  get publishes(): boolean {
    return this.#publishing.began;
  }

  // -- Audience --------------------------------------------------------------------------------------

  send(frame: ServerFrame): void {
    if (!this.#closed) this.outbox.send(frame);
  }

  fail(error: unknown, context: FailureContext): void {
    const { log } = this.#options;
    this.send(
      errorFrame(error, context, (err) => {
        log.error({ err, sessionId: this.sessionId }, 'a signaling frame failed');
      }),
    );
  }

  watch(track: MediaTrack): void {
    try {
      this.viewing.watch(track);
    } catch (error) {
      this.fail(error, {});
    }
  }

  unwatch(trackId: string): void {
    this.viewing.unwatch(trackId);
  }

  // -- Frames ----------------------------------------------------------------------------------------

  /** Takes one checked frame; frames of a session are worked on one after the other. */
  receive(frame: ClientFrame): void {
    if (this.#closed) return;
    const requestId = 'requestId' in frame ? frame.requestId : undefined;
    if (this.#pendingFrames >= MAX_PENDING_FRAMES) {
      const said = 'Too many frames wait for the one before them; this one was not read.';
      this.fail(new AppError('rate_limited', said), { requestId });
      return;
    }
    this.#pendingFrames += 1;
    this.#tail = this.#tail.then(async () => {
      this.#pendingFrames -= 1;
      if (this.#closed) return;
      try {
        await this.#handle(frame);
      } catch (error) {
        const roomId = 'roomId' in frame ? frame.roomId : undefined;
        this.fail(error, { requestId, roomId });
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
    const { participants } = director.rooms;
    for (const { roomId } of this.#rooms()) {
      if (ticket.rooms === null || ticket.rooms.includes(roomId)) continue;
      director.apply(participants.leave(this.sessionId, roomId, engine.clock.nowMs()));
      this.send({ type: 'kicked', roomId, reason: 'This credential does not open the room any more.' });
    }
    director.apply(participants.setRights(this.sessionId, whoOf(ticket)));
    for (const frame of participants.welcomeAgain(this.sessionId)) this.send(frame);
    this.viewing.tellAgain();
  }

  /** Offers the subscribe connection with new ICE credentials. @returns false when there is none. */
  restartIce(): boolean {
    return this.viewing.restartIce();
  }

  /** For the list of rooms: whether its socket is there. */
  setConnected(connected: boolean): void {
    this.#options.director.rooms.participants.setConnected(this.sessionId, connected);
  }

  /** Ends the session: rooms, tracks, connections. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#publishing.close();
    this.viewing.close();
    this.#options.director.removeAudience(this.sessionId, this.#options.engine.clock.nowMs());
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
        director.apply(
          rooms.participants.join({ sessionId: this.sessionId, who: whoOf(this.#ticket) }, frame, nowMs),
        );
        return;
      case 'leave':
        director.apply(rooms.participants.leave(this.sessionId, frame.roomId, nowMs));
        this.send({ type: 'left', ...echo(frame.requestId), roomId: frame.roomId });
        return;
      case 'subscribe':
        director.apply(rooms.watching.subscribe(this.sessionId, frame.roomId, frame.trackId));
        return;
      case 'unsubscribe':
        director.apply(rooms.watching.unsubscribe(this.sessionId, frame.roomId, frame.trackId));
        return;
      case 'track-state':
        if (frame.muted !== undefined) {
          director.apply(rooms.tracks.setMuted(this.sessionId, frame.trackId, frame.muted));
        }
        if (frame.height !== undefined) this.viewing.setHeight(frame.trackId, frame.height ?? undefined);
        if (frame.paused !== undefined) this.viewing.setPaused(frame.trackId, frame.paused);
        return;
      case 'offer':
        if (frame.connection === 'subscribe') {
          throw new AppError('negotiation_failed', 'The subscribe connection is offered by the server.');
        }
        await this.#publishing.takeOffer(frame, this.#ticket);
        return;
      case 'answer':
        if (frame.connection === 'publish') {
          throw new AppError('negotiation_failed', 'The publish connection is offered by the client.');
        }
        this.viewing.answer(frame.sdp, frame.offerId);
        return;
      case 'ice-candidate':
        this.#sideOf(frame.connection).addCandidate(frame.candidate);
        return;
      case 'restart':
        if (frame.connection === 'publish') {
          throw new AppError('negotiation_failed', 'The client restarts its own connection by a new offer.');
        }
        this.viewing.restart();
        return;
      case 'key-frame':
        this.viewing.requestKeyFrame(frame.trackId, nowMs);
        return;
      case 'open-data':
        this.#openData(frame.requestId);
        return;
      case 'kick':
      case 'mute':
      case 'close':
        this.#moderate(frame, nowMs);
        return;
      case 'stats':
        this.viewing.takeFigures(frame.trackId, frame.figures, nowMs);
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

  #openData(requestId: string | undefined): void {
    const rights = rightsOf(this.#ticket);
    // Whoever may do neither could not even listen.
    if (!rights.has('subscribe')) requireRight(rights, 'data');
    this.send({ type: 'data-open', ...echo(requestId), ...this.#options.dataRelay.limits });
    this.viewing.openData();
  }

  #moderate(frame: Extract<ClientFrame, { type: 'kick' | 'mute' | 'close' }>, nowMs: number): void {
    const { director } = this.#options;
    const { rooms } = director;
    const { type: action, requestId, roomId, ...said } = frame;
    rooms.moderators.require(this.sessionId, roomId);
    const participantId = 'participantId' in said ? said.participantId : '';
    const of = rooms.get(roomId)?.members.get(participantId)?.identity;
    switch (frame.type) {
      case 'kick':
        director.apply(rooms.moderators.kick(roomId, frame, nowMs).effects);
        break;
      case 'mute':
        director.apply(rooms.moderators.mute(roomId, frame).effects);
        break;
      case 'close':
        director.apply(rooms.close(roomId, frame.reason));
    }
    const known = Object.entries({ ...said, identity: of }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    const detail = Object.fromEntries(known);
    director.noteModerated({ action, roomId, actor: this.identity, detail });
    this.send({ type: 'done', ...echo(requestId) });
  }

  #sideOf(connection: 'subscribe' | 'publish'): SessionViewing | SessionPublishing {
    return connection === 'subscribe' ? this.viewing : this.#publishing;
  }

  #rooms(): { roomId: string }[] {
    return this.#options.director.rooms.ofSession(this.sessionId);
  }
}
