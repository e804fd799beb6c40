/**
 * A client's session where rooms are spread over workers: it has a session of its own in each worker whose rooms it is
 * in, and every frame goes to the one it concerns. It knows no room and no media.
 */
import { AppError } from '../../contract/errors.ts';
import type { ClientFrame, RoomTicket, ServerFrame } from '../../contract/signaling.ts';
import { signRoomTicket } from '../../credentials/room-ticket.ts';
import { Outbox } from '../signaling/outbox.ts';
import type { ServedSession } from '../signaling/sessions.ts';
import type { WorkerProcess } from './system.ts';
import { WorkerLink } from './worker-link.ts';
import type { WorkerPool } from './worker-pool.ts';

/** The ticket of a link is used at once. */
const LINK_TICKET_MS = 30_000;
/** After this a worker that has died is known to have. */
const JOIN_AGAIN_MS = 300;
/** The contract's empty payload has no literal type in TypeScript. */
const PONG = { type: 'pong' } as unknown as ServerFrame;

type Join = Extract<ClientFrame, { type: 'join' }>;
type Offer = Extract<ClientFrame, { type: 'offer' }>;

export type FrontSessionOptions = {
  sessionId: string;
  ticket: RoomTicket;
  pool: WorkerPool;
  ticketKey: () => string;
  draining: () => boolean;
  nowMs: () => number;
  after: (delayMs: number, act: () => void) => void;
  /** Ends this session and its socket: the client begins a new one. */
  giveUp: (sessionId: string) => void;
};

export class FrontSession implements ServedSession {
  readonly sessionId: string;
  readonly outbox = new Outbox();
  readonly #options: FrontSessionOptions;
  readonly #links = new Map<WorkerProcess, WorkerLink>();
  #ticket: RoomTicket;
  #publishLink: WorkerLink | undefined;
  #hasMany = false;
  #linksMade = 0;
  #closed = false;

  constructor(options: FrontSessionOptions) {
    this.#options = options;
    this.sessionId = options.sessionId;
    this.#ticket = options.ticket;
  }

  get identity(): string {
    return this.#ticket.identity;
  }

  get publishes(): boolean {
    return this.#publishLink !== undefined;
  }

  get worthKeeping(): boolean {
    return this.#links.size > 0;
  }

  send(frame: ServerFrame): void {
    if (!this.#closed) this.outbox.send(frame);
  }

  receive(frame: ClientFrame): void {
    if (this.#closed) return;
    try {
      this.#route(frame);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const requestId = 'requestId' in frame ? frame.requestId : undefined;
      const roomId = 'roomId' in frame ? frame.roomId : undefined;
      this.send({
        type: 'error',
        code: error.code,
        message: error.message,
        ...(requestId !== undefined && { requestId }),
        ...(roomId !== undefined && { roomId }),
      });
    }
  }

  resumed(ticket: RoomTicket): void {
    this.#ticket = ticket;
    for (const link of this.#links.values()) link.resume(this.#linkTicket());
  }

  /** The workers do that. */
  restartIce(): boolean {
    return false;
  }

  setConnected(): void {
    // Workers see their own end of the session, which stays.
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#publishLink = undefined;
  }

  #route(frame: ClientFrame): void {
    switch (frame.type) {
      case 'ping':
        this.send(PONG);
        return;
      case 'resume':
        throw new AppError('resume_failed', 'A session is resumed by the first frame of a socket only.');
      case 'join':
        if (this.#options.draining()) {
          throw new AppError('shutting_down', 'This server is about to stop; join again elsewhere.');
        }
        this.#hasMany ||= frame.connections === 'many';
        this.#join(frame);
        return;
      case 'leave':
      case 'subscribe':
      case 'unsubscribe':
      case 'kick':
      case 'mute':
      case 'close':
        this.#linkOfRoom(frame.roomId).send(frame);
        return;
      case 'track-state':
      case 'key-frame':
      case 'stats':
        this.#linkOfTrack(frame.trackId).send(frame);
        return;
      case 'open-data':
        this.#linkForData(frame.roomId).send(frame);
        return;
      case 'offer':
        this.#publish(frame);
        return;
      case 'answer':
      case 'restart':
      case 'ice-candidate':
        this.#linkOfConnection(frame).send(frame);
    }
  }

  #join(frame: Join): void {
    const [only] = this.#links.keys();
    // One connection reaches one worker: rooms that are new go where the session is.
    const near = this.#hasMany ? undefined : only;
    const worker = this.#options.pool.place(frame.roomId, near);
    if (near !== undefined && worker !== near) {
      throw new AppError(
        'conflict',
        'This room is in another worker of the SFU than the rooms of this session, and this client takes one connection only. Open another session for it, join with `connections: "many"`, or set sfu.workers to 1.',
      );
    }
    const link = this.#links.get(worker) ?? this.#open(worker);
    link.rooms.set(frame.roomId, frame);
    link.send(frame);
  }

  #open(worker: WorkerProcess): WorkerLink {
    this.#linksMade += 1;
    const link = new WorkerLink({
      connectionId: `${String(worker.index)}.${String(this.#linksMade)}`,
      socketPath: worker.signalingSocket,
      ticket: this.#linkTicket(),
      events: {
        frame: (frame) => {
          this.#pass(link, frame);
        },
        ended: () => {
          this.#lost(worker, link);
        },
      },
    });
    this.#links.set(worker, link);
    return link;
  }

  /** A frame of a worker, for the client. */
  #pass(link: WorkerLink, frame: ServerFrame): void {
    const isOfSubscribe =
      'connection' in frame
        ? frame.connection === 'subscribe'
        : frame.type === 'slot' || frame.type === 'data-open';
    if (!this.#hasMany || !isOfSubscribe) this.send(frame);
    else this.send({ ...frame, connectionId: link.connectionId } as ServerFrame);
  }

  /** A worker has died, or has ended the session. */
  #lost(worker: WorkerProcess, link: WorkerLink): void {
    if (this.#links.get(worker) !== link) return;
    this.#links.delete(worker);
    const published = this.#publishLink === link;
    if (published) this.#publishLink = undefined;
    if (this.#links.size === 0 || !this.#hasMany) {
      this.#options.giveUp(this.sessionId);
      return;
    }
    // The other workers' pictures go on; these rooms are joined again, in a worker that lives.
    const message = 'The SFU worker of this connection has ended.';
    const { connectionId } = link;
    this.send({ type: 'error', code: 'unavailable', message, connection: 'subscribe', connectionId });
    if (published) this.send({ type: 'error', code: 'unavailable', message, connection: 'publish' });
    this.#options.after(JOIN_AGAIN_MS, () => {
      if (!this.#closed) this.#joinAgain(link.rooms.values());
    });
  }

  #joinAgain(joins: Iterable<Join>): void {
    try {
      for (const join of joins) this.#join({ ...join, requestId: undefined });
    } catch {
      // No worker is there: the client tries for as long as it takes.
      this.#options.giveUp(this.sessionId);
    }
  }

  /** @throws AppError not_joined. */
  #linkOfRoom(roomId: string): WorkerLink {
    for (const link of this.#links.values()) if (link.rooms.has(roomId)) return link;
    throw new AppError('not_joined', `Join the room "${roomId}" first.`);
  }

  /** @throws AppError not_joined or invalid_request. */
  #linkForData(roomId: string | undefined): WorkerLink {
    if (roomId !== undefined) return this.#linkOfRoom(roomId);
    const [link, another] = [...this.#links.values()];
    if (link === undefined) throw new AppError('not_joined', 'Join a room before you open data channels.');
    if (another === undefined) return link;
    throw new AppError('invalid_request', 'Name the room whose connection shall have data channels: roomId.');
  }

  /** @throws AppError track_not_found. */
  #linkOfTrack(trackId: string): WorkerLink {
    const links = [...this.#links.values()];
    // A worker says it best that there is no such track.
    const link = links.find((one) => one.tracks.has(trackId)) ?? links[0];
    if (link !== undefined) return link;
    throw new AppError('track_not_found', 'This session does not watch such a track.');
  }

  /** @throws AppError negotiation_failed. */
  #linkOfConnection(
    frame: Extract<ClientFrame, { type: 'answer' | 'restart' | 'ice-candidate' }>,
  ): WorkerLink {
    const links = [...this.#links.values()];
    const link =
      frame.connection === 'publish'
        ? (this.#publishLink ?? links[0])
        : frame.connectionId === undefined
          ? links[0]
          : links.find((one) => one.connectionId === frame.connectionId);
    if (link === undefined) throw new AppError('negotiation_failed', 'There is no such connection.');
    return link;
  }

  #publish(frame: Offer): void {
    const joined = [...this.#links.values()].filter((link) => link.rooms.size > 0);
    if (frame.roomId === undefined && joined.length > 1) {
      throw new AppError('invalid_request', 'Name the room to publish into: roomId.');
    }
    const link = frame.roomId === undefined ? joined[0] : this.#linkOfRoom(frame.roomId);
    if (link === undefined) throw new AppError('not_joined', 'Join a room before you publish into it.');
    if (this.#publishLink !== undefined && this.#publishLink !== link) {
      throw new AppError(
        'conflict',
        'This session publishes into a room of another worker of the SFU already. Open another session to publish into this one.',
      );
    }
    this.#publishLink = link;
    link.send(frame);
  }

  #linkTicket(): string {
    const expiresAtMs = this.#options.nowMs() + LINK_TICKET_MS;
    return signRoomTicket({ ...this.#ticket, expiresAtMs }, this.#options.ticketKey());
  }
}
