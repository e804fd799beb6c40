/**
 * All sessions of the process and their time: pings, idle sockets, resume windows, credential refresh. One
 * timer calls `tick`; nothing here has a timer of its own.
 */
import { randomUUID } from 'node:crypto';
import {
  RESUME_WINDOW_MS,
  SIGNALING_IDLE_MS,
  SIGNALING_PING_MS,
  type ClientFrame,
  type RoomTicket,
  type ServerFrame,
  type ServerFrameData,
} from '../../contract/signaling.ts';
import { AppError } from '../../contract/errors.ts';
import { issueRestCredential } from '../../credentials/turn-rest.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import { randomToken } from '../../kit/secret.ts';
import { parseFrame } from './frame-codec.ts';
import type { FrameSocket, Outbox } from './outbox.ts';
import type { Session, SessionOptions } from './session.ts';

/** A wall joins 64 rooms and trickles candidates in its first second. */
const FRAME_LIMIT = { perSecond: 50, burst: 300 };
const REFRESH_AT = 0.8;
const POLICY_VIOLATION = 1008;
const NORMAL_CLOSURE = 1000;
const GOING_AWAY = 1001;
const SERVICE_RESTART = 1012;

export type TurnSettings = { uris: string[]; secret: string; ttlSeconds: number };

/** What is asked of a session here: a `Session`, or one whose rooms are in worker processes. */
export interface ServedSession {
  readonly sessionId: string;
  readonly identity: string;
  readonly outbox: Outbox;
  readonly publishes: boolean;
  readonly worthKeeping: boolean;
  send(frame: ServerFrame): void;
  receive(frame: ClientFrame): void;
  resumed(ticket: RoomTicket): void;
  restartIce(): boolean;
  setConnected(connected: boolean): void;
  close(): void;
}

type Entry<Served extends ServedSession> = {
  session: Served;
  resumeToken: string;
  /** The one before: a resume whose answer was lost with its socket is made once more. */
  usedToken: string | undefined;
  /** The socket that speaks for it now, or since when it has none. */
  detachedAtMs: number | null;
  refreshAtMs: number;
  heardAtMs: number;
  pingAtMs: number;
  sawFrame: boolean;
};

/** What the WebSocket side calls; made by `Sessions.accept`. */
export interface Attachment {
  onText(text: string): void;
  onPong(): void;
  onClose(code: number): void;
}

export class Sessions<Served extends ServedSession = Session> {
  readonly #makeSession: (options: Pick<SessionOptions, 'sessionId' | 'ticket'>) => Served;
  readonly #namespace: string;
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry<Served>>();
  readonly #byToken = new Map<string, Entry<Served>>();
  readonly #frameLimit = new RateLimiter(FRAME_LIMIT, { maxKeys: 20_000 });
  #turn: TurnSettings;

  constructor(options: {
    namespace: string;
    turn: TurnSettings;
    nowMs: () => number;
    makeSession: (options: Pick<SessionOptions, 'sessionId' | 'ticket'>) => Served;
  }) {
    this.#namespace = options.namespace;
    this.#turn = options.turn;
    this.#nowMs = options.nowMs;
    this.#makeSession = options.makeSession;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Sessions that have a socket now: what the session limit counts. */
  get attached(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.detachedAtMs === null) count += 1;
    return count;
  }

  get(sessionId: string): Served | undefined {
    return this.#entries.get(sessionId)?.session;
  }

  all(): Served[] {
    return [...this.#entries.values()].map((entry) => entry.session);
  }

  /** A new secret is passed on with the next tick: credentials of the older one may soon be worth nothing. */
  setTurn(turn: TurnSettings): void {
    const rotated = turn.secret !== this.#turn.secret;
    this.#turn = turn;
    if (!rotated) return;
    const nowMs = this.#nowMs();
    for (const entry of this.#entries.values()) entry.refreshAtMs = Math.min(entry.refreshAtMs, nowMs);
  }

  /** A socket with a valid ticket: a new session, until its first frame says that it continues one. */
  accept(socket: FrameSocket, ticket: RoomTicket): Attachment {
    const nowMs = this.#nowMs();
    const session = this.#makeSession({ sessionId: randomUUID(), ticket });
    const entry: Entry<Served> = {
      session,
      resumeToken: randomToken(24),
      usedToken: undefined,
      detachedAtMs: null,
      refreshAtMs: nowMs + this.#turn.ttlSeconds * 1000 * REFRESH_AT,
      heardAtMs: nowMs,
      pingAtMs: nowMs + SIGNALING_PING_MS,
      sawFrame: false,
    };
    this.#entries.set(session.sessionId, entry);
    this.#byToken.set(entry.resumeToken, entry);
    session.outbox.attach(socket);
    this.#greet(entry, false);
    session.send({ type: 'turn-credentials', ...this.#credentials(session.identity) });
    return this.#attachment(entry, socket, ticket);
  }

  /** Runs everything that is due. */
  tick(nowMs: number): void {
    for (const entry of [...this.#entries.values()]) {
      const { session } = entry;
      const { socket } = session.outbox;
      if (socket === undefined) {
        const awayMs = nowMs - (entry.detachedAtMs ?? nowMs);
        if (awayMs >= RESUME_WINDOW_MS || session.outbox.overflowed) this.#end(entry);
        continue;
      }
      if (nowMs - entry.heardAtMs >= SIGNALING_IDLE_MS) {
        socket.close(POLICY_VIOLATION, 'idle');
        continue;
      }
      if (nowMs >= entry.pingAtMs) {
        entry.pingAtMs = nowMs + SIGNALING_PING_MS;
        socket.ping();
      }
      if (nowMs >= entry.refreshAtMs) {
        this.#sendCredentials(entry, 'refresh-credentials');
      }
    }
  }

  /** The TURN service began anew: connections get new relays. @returns how many sessions that concerns. */
  relaysRestarted(): number {
    let concerned = 0;
    for (const entry of this.#entries.values()) {
      const { session } = entry;
      // A publishing client offers by itself; fresh credentials are its sign to do so.
      if (session.publishes) this.#sendCredentials(entry, 'turn-credentials');
      if (session.restartIce() || session.publishes) concerned += 1;
    }
    return concerned;
  }

  /** Ends all sessions of an identity. @returns how many. */
  kick(identity: string, reason: string): number {
    const entries = [...this.#entries.values()].filter((entry) => entry.session.identity === identity);
    for (const entry of entries) {
      entry.session.send({ type: 'kicked', roomId: null, reason });
      this.#end(entry, POLICY_VIOLATION, 'kicked');
    }
    return entries.length;
  }

  /** Tells everybody to go elsewhere. @param alternatives signaling addresses of other servers. */
  announceDrain(retryAfterMs: number, alternatives: string[]): void {
    for (const { session } of this.#entries.values()) {
      session.send({ type: 'server-draining', retryAfterMs, alternatives });
    }
  }

  /** Ends a session whose client is to begin a new one. Unknown ids are ignored. */
  giveUp(sessionId: string): void {
    const entry = this.#entries.get(sessionId);
    if (entry !== undefined) this.#end(entry, SERVICE_RESTART, 'begin a new session');
  }

  closeAll(): void {
    for (const entry of [...this.#entries.values()]) this.#end(entry, SERVICE_RESTART, 'the service stops');
  }

  #attachment(first: Entry<Served>, socket: FrameSocket, ticket: RoomTicket): Attachment {
    let entry = first;
    return {
      onText: (text) => {
        // A socket that was taken over by a resume elsewhere has nothing to say any more.
        if (entry.session.outbox.socket !== socket) return;
        entry = this.#onText(entry, socket, ticket, text);
      },
      onPong: () => {
        entry.heardAtMs = this.#nowMs();
      },
      onClose: (code) => {
        if (entry.session.outbox.socket === socket) this.#onSocketGone(entry, code);
      },
    };
  }

  /** @returns the entry this socket speaks for from now on. */
  #onText(entry: Entry<Served>, socket: FrameSocket, ticket: RoomTicket, text: string): Entry<Served> {
    const { session } = entry;
    const nowMs = this.#nowMs();
    entry.heardAtMs = nowMs;
    if (this.#frameLimit.take(session.sessionId, nowMs) > 0) {
      session.send({
        type: 'error',
        code: 'rate_limited',
        message: 'Frames come too fast; some were not read.',
      });
      return entry;
    }
    const parsed = parseFrame(text);
    if (!parsed.ok) {
      const { code, message, requestId } = parsed;
      session.send({ type: 'error', code, message, ...(requestId !== undefined && { requestId }) });
      return entry;
    }
    session.outbox.learnForm(parsed.form);
    const firstFrame = !entry.sawFrame;
    entry.sawFrame = true;
    if (parsed.frame.type !== 'resume' || !firstFrame) {
      session.receive(parsed.frame);
      return entry;
    }
    return this.#resume(entry, socket, ticket, parsed.frame);
  }

  #resume(
    entry: Entry<Served>,
    socket: FrameSocket,
    ticket: RoomTicket,
    frame: Extract<ClientFrame, { type: 'resume' }>,
  ): Entry<Served> {
    const kept = this.#byToken.get(frame.resumeToken);
    const isSpent = kept?.usedToken === frame.resumeToken && kept.detachedAtMs === null;
    if (kept === undefined || kept === entry || isSpent || kept.session.identity !== ticket.identity) {
      const { code, message } = new AppError('resume_failed', 'There is no session to resume; join again.');
      const requestId = frame.requestId;
      entry.session.send({ type: 'error', code, message, ...(requestId !== undefined && { requestId }) });
      return entry;
    }
    const { form } = entry.session.outbox;
    entry.session.outbox.detach();
    this.#end(entry);
    const { outbox } = kept.session;
    outbox.socket?.close(NORMAL_CLOSURE, 'resumed elsewhere');
    outbox.learnForm(form);
    outbox.attach(socket);
    kept.detachedAtMs = null;
    kept.heardAtMs = this.#nowMs();
    kept.sawFrame = true;
    for (const token of [kept.resumeToken, kept.usedToken]) {
      if (token !== undefined && token !== frame.resumeToken) this.#byToken.delete(token);
    }
    kept.usedToken = frame.resumeToken;
    kept.resumeToken = randomToken(24);
    this.#byToken.set(kept.resumeToken, kept);
    this.#greet(kept, true);
    outbox.flush();
    kept.session.resumed(ticket);
    kept.session.setConnected(true);
    return kept;
  }

  #onSocketGone(entry: Entry<Served>, code: number): void {
    entry.session.outbox.detach();
    // Only a close that the client meant is final: a gateway that restarts looks like a lost connection.
    if (code === NORMAL_CLOSURE || !entry.session.worthKeeping) {
      this.#end(entry);
      return;
    }
    entry.detachedAtMs = this.#nowMs();
    entry.session.setConnected(false);
  }

  #end(entry: Entry<Served>, code = GOING_AWAY, reason = ''): void {
    const { session } = entry;
    this.#entries.delete(session.sessionId);
    this.#byToken.delete(entry.resumeToken);
    if (entry.usedToken !== undefined) this.#byToken.delete(entry.usedToken);
    const { socket } = session.outbox;
    session.close();
    session.outbox.detach();
    socket?.close(code, reason);
  }

  #greet(entry: Entry<Served>, resumed: boolean): void {
    entry.session.send({
      type: 'session',
      sessionId: entry.session.sessionId,
      identity: entry.session.identity,
      resumeToken: entry.resumeToken,
      resumed,
      serverTimeMs: this.#nowMs(),
    });
  }

  #sendCredentials(entry: Entry<Served>, type: 'turn-credentials' | 'refresh-credentials'): void {
    entry.refreshAtMs = this.#nowMs() + this.#turn.ttlSeconds * 1000 * REFRESH_AT;
    entry.session.send({ type, ...this.#credentials(entry.session.identity) });
  }

  #credentials(identity: string): ServerFrameData<'turn-credentials'> {
    const { uris, secret, ttlSeconds } = this.#turn;
    const { username, password } = issueRestCredential({
      secret,
      namespace: this.#namespace,
      subject: identity,
      ttlSeconds,
      nowMs: this.#nowMs(),
    });
    return {
      iceServers: [{ urls: uris, username, credential: password }],
      iceTransportPolicy: 'relay',
      username,
      password,
      ttl: ttlSeconds,
      uris,
    };
  }
}
