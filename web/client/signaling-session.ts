/**
 * One signaling session over a WebSocket that may break: ticket, socket, resume with the token inside the
 * window, a fresh session when that is refused, backoff from 0.25 to 4 s for ever until `close()`.
 * It knows no room and no peer connection; what was said in the old session is said again by its owner.
 */
import type { ClientFrame, ServerFrame, ServerFrameData } from '../../daemon/contract/signaling.ts';
import { Emitter } from './emitter.ts';
import { readServerFrame } from './server-frames.ts';
import { retryDelayMs, type Timers } from './timers.ts';

/** The part of a browser's WebSocket that is used. */
export type SignalingSocket = Pick<WebSocket, 'send' | 'close' | 'onopen' | 'onmessage' | 'onclose'>;

/** A refusal in the words of the server's error table. */
export type Refusal = { code: string; message: string; retryAfterMs: number | null };

/** Thrown by `fetchTicket` when the server said no; any other error counts as "not reached". */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

export type SignalingPhase = 'idle' | 'ticket' | 'opening' | 'open' | 'waiting' | 'closed';
export type SignalingState = {
  phase: SignalingPhase;
  /** Tries in a row that failed. */
  attempt: number;
  nextAttemptAtMs: number | null;
  /** Why the last try was refused by the server; null when it was merely not reached. */
  refusal: Refusal | null;
};

export type SignalingEvents = {
  state: SignalingState;
  /** A session began (`resumed: false`: everything must be said again) or goes on. */
  session: ServerFrameData<'session'>;
  frame: ServerFrame;
};

export type SignalingOptions = {
  /**
   * POST /v1/webrtc/tickets; the ticket opens one socket.
   * @param server the signaling address of another server, which this one named when it was about to stop.
   */
  fetchTicket: (signal: AbortSignal, server?: string) => Promise<string>;
  openSocket: (ticket: string, server?: string) => SignalingSocket;
  timers: Timers;
};

const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 4000;
const IDLE: SignalingState = { phase: 'idle', attempt: 0, nextAttemptAtMs: null, refusal: null };
/** A ticket, a socket or a session that takes longer counts as failed. */
const STEP_LIMIT_MS = 10_000;
/** A socket that is silent for this long is asked; without an answer it is dead (a half-open TCP connection). */
const QUIET_MS = 15_000;
const ANSWER_LIMIT_MS = 8000;

export class SignalingSession extends Emitter<SignalingEvents> {
  readonly #options: SignalingOptions;
  readonly #timers: Timers;
  #state: SignalingState = IDLE;
  /** The one that is tried now, then the others. Undefined: where it began. */
  #servers: (string | undefined)[] = [];
  #socket: SignalingSocket | undefined;
  #resumeToken: string | undefined;
  #resuming = false;
  #abort: AbortController | undefined;
  #cancelStep: () => void = () => undefined;
  #cancelWatch: () => void = () => undefined;

  constructor(options: SignalingOptions) {
    super();
    this.#options = options;
    this.#timers = options.timers;
  }

  get state(): SignalingState {
    return this.#state;
  }

  start(): void {
    if (this.#state.phase === 'idle') void this.#connect();
  }

  /** @returns false when there is no open session: the frame is lost and must be said again on `session`. */
  send(frame: ClientFrame): boolean {
    if (this.#state.phase !== 'open') return false;
    return this.#write(frame);
  }

  /** Gives up this session and its media for a new one. */
  renew(): void {
    if (this.#state.phase === 'closed') return;
    this.#resumeToken = undefined;
    if (this.#state.phase !== 'waiting') this.#retry(null);
  }

  /** Tries now instead of at the end of the wait. */
  hurry(): void {
    if (this.#state.phase !== 'waiting') return;
    this.#cancelStep();
    void this.#connect();
  }

  close(): void {
    if (this.#state.phase === 'closed') return;
    this.#drop();
    this.#enter({ phase: 'closed', nextAttemptAtMs: null });
    this.clear();
  }

  #enter(change: Partial<SignalingState>): void {
    this.#state = { ...this.#state, ...change };
    this.emit('state', this.#state);
  }

  async #connect(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    this.#enter({ phase: 'ticket', nextAttemptAtMs: null });
    this.#limit(STEP_LIMIT_MS);
    const { fetchTicket, openSocket } = this.#options;
    const [server] = this.#servers;
    try {
      const ticket = await fetchTicket(abort.signal, server);
      if (abort.signal.aborted) return;
      this.#enter({ phase: 'opening' });
      this.#limit(STEP_LIMIT_MS);
      this.#attach(openSocket(ticket, server));
    } catch (error) {
      if (!abort.signal.aborted) this.#retry(error instanceof RefusedError ? error.refusal : null);
    }
  }

  #attach(socket: SignalingSocket): void {
    this.#socket = socket;
    this.#resuming = this.#resumeToken !== undefined;
    socket.onopen = () => {
      if (this.#resumeToken !== undefined) {
        this.#write({ type: 'resume', requestId: 'resume', resumeToken: this.#resumeToken });
      }
    };
    socket.onmessage = (event) => {
      this.#listen();
      const frame = readServerFrame(event.data);
      if (frame) this.#take(frame);
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#retry(null);
    };
  }

  #take(frame: ServerFrame): void {
    if (frame.type === 'session') {
      // The socket's own fresh session is announced before our `resume` is answered: not an answer to it.
      if (this.#resuming && !frame.resumed) {
        this.#fresh = frame;
        return;
      }
      this.#open(frame);
      return;
    }
    if (frame.type === 'error' && this.#resuming) {
      if (frame.requestId !== 'resume' && frame.code !== 'resume_failed') return;
      this.#resuming = false;
      this.#resumeToken = undefined;
      if (this.#fresh) this.#open(this.#fresh);
      return;
    }
    if (frame.type === 'server-draining') {
      // The session will not be resumable there: begin a new one when the server asks us to, elsewhere if it can be.
      this.#resumeToken = undefined;
      this.#servers = [...frame.alternatives, this.#servers[0]];
      this.#cancelStep = this.#timers.after(Math.min(60_000, frame.retryAfterMs), () => {
        this.#retry(null);
      });
    }
    this.emit('frame', frame);
  }

  #fresh: ServerFrameData<'session'> | undefined;

  #open(session: ServerFrameData<'session'>): void {
    this.#cancelStep();
    this.#resuming = false;
    this.#fresh = undefined;
    this.#resumeToken = session.resumeToken;
    this.#listen();
    this.#enter({ ...IDLE, phase: 'open' });
    this.emit('session', session);
  }

  #retry(refusal: Refusal | null): void {
    if (this.#state.phase === 'closed') return;
    this.#drop();
    const attempt = this.#state.attempt + 1;
    if (attempt > 2) this.#servers.push(this.#servers.shift());
    const waitMs = Math.max(
      retryDelayMs(attempt, FIRST_RETRY_MS, MAX_RETRY_MS, this.#timers.random()),
      refusal?.retryAfterMs ?? 0,
    );
    this.#enter({ phase: 'waiting', attempt, nextAttemptAtMs: this.#timers.now() + waitMs, refusal });
    this.#cancelStep = this.#timers.after(waitMs, () => {
      void this.#connect();
    });
  }

  #limit(ms: number): void {
    this.#cancelStep();
    this.#cancelStep = this.#timers.after(ms, () => {
      this.#retry(null);
    });
  }

  /** Something arrived: the socket lives. After a quiet time it is asked for a sign of life. */
  #listen(): void {
    this.#cancelWatch();
    this.#cancelWatch = this.#timers.after(QUIET_MS, () => {
      this.#write({ type: 'ping' } as ClientFrame);
      this.#cancelWatch = this.#timers.after(ANSWER_LIMIT_MS, () => {
        this.#retry(null);
      });
    });
  }

  #write(frame: ClientFrame): boolean {
    const { type, ...data } = frame;
    try {
      this.#socket?.send(JSON.stringify({ type, data }));
      return this.#socket !== undefined;
    } catch {
      // The socket is closing; `onclose` follows and starts the retry.
      return false;
    }
  }

  #drop(): void {
    this.#abort?.abort();
    this.#cancelStep();
    this.#cancelWatch();
    this.#fresh = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
