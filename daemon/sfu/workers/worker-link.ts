/**
 * One session at one worker: a WebSocket over the worker's unix socket, opened with a ticket of our own. Frames wait
 * until the worker has greeted. What the front tells by itself (session, credentials) is kept from the client.
 */
import { WebSocket } from 'ws';
import { SIGNALING_MAX_FRAME_BYTES, type ClientFrame, type ServerFrame } from '../../contract/signaling.ts';

export type WorkerLinkEvents = {
  frame(frame: ServerFrame): void;
  /** The worker has ended the session, or is gone. Never called after `close()`. */
  ended(): void;
};

const MAX_WAITING_FRAMES = 256;
/** A wall's offer; the worker is our own, this only bounds a fault. */
const MAX_MESSAGE_BYTES = SIGNALING_MAX_FRAME_BYTES * 32;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const NORMAL_CLOSURE = 1000;
const RESUME_REQUEST = 'front-resume';

export class WorkerLink {
  /** What clients with several connections call its subscribe connection. */
  readonly connectionId: string;
  /** Rooms that were joined over it, with the join. */
  readonly rooms = new Map<string, Extract<ClientFrame, { type: 'join' }>>();
  /** Tracks of these rooms. */
  readonly tracks = new Set<string>();
  readonly #socketPath: string;
  readonly #events: WorkerLinkEvents;
  #socket: WebSocket | undefined;
  #waiting: ClientFrame[] = [];
  #resumeToken: string | undefined;
  #isGreeted = false;
  #isResuming = false;
  #closed = false;

  constructor(options: {
    connectionId: string;
    socketPath: string;
    ticket: string;
    events: WorkerLinkEvents;
  }) {
    this.connectionId = options.connectionId;
    this.#socketPath = options.socketPath;
    this.#events = options.events;
    this.#connect(options.ticket);
  }

  send(frame: ClientFrame): void {
    if (this.#isGreeted) this.#write(frame);
    else if (this.#waiting.length < MAX_WAITING_FRAMES) this.#waiting.push(frame);
  }

  /** The client came back with this ticket: the worker checks its rights and tells again what may have been missed. */
  resume(ticket: string): void {
    if (this.#closed) return;
    this.#isGreeted = false;
    this.#isResuming = this.#resumeToken !== undefined;
    this.#connect(ticket);
  }

  /** Ends the session in the worker. Twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#socket?.close(NORMAL_CLOSURE);
  }

  #connect(ticket: string): void {
    const before = this.#socket;
    const socket = new WebSocket(`ws+unix:${this.#socketPath}:/session?ticket=${ticket}`, {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    // A session that is resumed has taken the older socket over; one that never greeted is of no use.
    if (before !== undefined && !this.#isResuming) before.close(NORMAL_CLOSURE);
    socket.on('message', (data: Buffer) => {
      // Our own worker, which checks what it writes against the contract's types.
      if (this.#socket === socket && !this.#closed) this.#take(JSON.parse(data.toString()) as ServerFrame);
    });
    socket.on('error', () => undefined); // 'close' follows.
    socket.on('close', () => {
      if (this.#socket !== socket || this.#closed) return;
      this.#closed = true;
      this.#events.ended();
    });
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'session':
        if (this.#isResuming && !frame.resumed) {
          const resumeToken = this.#resumeToken ?? '';
          this.#write({ type: 'resume', requestId: RESUME_REQUEST, resumeToken });
          return;
        }
        this.#isResuming = false;
        this.#resumeToken = frame.resumeToken;
        this.#isGreeted = true;
        for (const one of this.#waiting.splice(0)) this.#write(one);
        return;
      case 'turn-credentials':
        // The first one repeats what the front has told; a later one is a publisher's sign to offer anew.
        if (this.#hasCredentials && !this.#isResuming) this.#events.frame(frame);
        this.#hasCredentials = true;
        return;
      case 'refresh-credentials':
      case 'server-draining':
      case 'pong':
        return;
      case 'error':
        if (frame.requestId === RESUME_REQUEST) this.#socket?.terminate();
        else this.#events.frame(frame);
        return;
      default:
        this.#note(frame);
        this.#events.frame(frame);
    }
  }

  #hasCredentials = false;

  /** Remembers which rooms and tracks are here. */
  #note(frame: ServerFrame): void {
    if (frame.type === 'welcome') for (const { trackId } of frame.tracks) this.tracks.add(trackId);
    if (frame.type === 'answer')
      for (const trackId of Object.values(frame.mids ?? {})) this.tracks.add(trackId);
    if (frame.type === 'track-added') this.tracks.add(frame.track.trackId);
    if (frame.type === 'track-removed') this.tracks.delete(frame.trackId);
    const left = frame.type === 'left' || frame.type === 'kicked' ? frame.roomId : null;
    if (left !== null) this.rooms.delete(left);
    if (this.rooms.size === 0) this.tracks.clear();
  }

  #write(frame: ClientFrame): void {
    if (this.#socket?.readyState === WebSocket.OPEN)
      this.#socket.send(JSON.stringify(frame), () => undefined);
  }
}
