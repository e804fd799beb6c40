/**
 * The connection under everything a page watches and publishes in one namespace: the signaling session, the
 * subscribe leg with the steps that repair it, relay credentials. Rooms belong to its owner, `TurnkeepClient`, which
 * is told what concerns them.
 */
import type { ClientFrame, ServerFrame, ServerFrameData } from '../../daemon/contract/signaling.ts';
import type { IceServer } from '../../daemon/contract/ice.ts';
import { Emitter } from './emitter.ts';
import { transportsOf } from './relay-names.ts';
import { SignalingSession, type SignalingSocket, type SignalingState } from './signaling-session.ts';
import { SubscribeConnections } from './subscribe-connections.ts';
import type { Timers } from './timers.ts';

/** What a browser provides; tests provide fakes. */
export interface MediaEnvironment {
  createConnection(configuration: RTCConfiguration): RTCPeerConnection;
  /** @param mimeType for example `video/H264`. */
  canPlay(mimeType: string): boolean;
}

export type MediaSessionOptions = {
  fetchTicket: (signal: AbortSignal, server?: string) => Promise<string>;
  openSocket: (ticket: string, server?: string) => SignalingSocket;
  timers: Timers;
  media: MediaEnvironment;
};

/** How far the connection is, with times since the epoch. Null: not reached yet. */
export type Milestones = {
  sessionAtMs: number | null;
  relayedAtMs: number | null;
  connectedAtMs: number | null;
};

export type ServerRefusal = {
  code: string;
  message: string;
  roomId: string | undefined;
  requestId: string | undefined;
  /** The connection that ended, if it is about one. */
  connection: ServerFrameData<'error'>['connection'];
};

export type MediaSessionEvents = {
  /** Signaling, peer connection or milestones changed: it concerns every room. */
  connection: undefined;
  /** The session is over: what was said and known in it is void. */
  forgotten: undefined;
  /** A session is open. After a resume rooms and tracks are still there; else everything is to be said again. */
  session: { resumed: boolean };
  /** A frame about rooms and tracks. */
  frame: ServerFrame;
  refused: ServerRefusal;
  /** Media sections carry other tracks than before. */
  slots: undefined;
};

/** Steps of the ladder that touch every picture are not taken more often than this. */
const SHARED_STEP_GAP_MS = 4000;
/** A failed peer connection gets this long to come back by an ICE restart. */
const RESTART_LIMIT_MS = 6000;
const NO_MILESTONES: Milestones = { sessionAtMs: null, relayedAtMs: null, connectedAtMs: null };
const MAX_PENDING = 256;
export const NO_SESSION = 'There is no session: try again.';
export const NO_ANSWER = 'The server did not answer.';
const ANSWER_LIMIT_MS = 10_000;

/** The server said no, in the words of its error table; or it did not answer (`unavailable`). */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** `settle`: the caller waits for an answer or an error. */
type Pending = { roomId: string; settle?: (answer: ServerFrame | RequestError) => void };

export class MediaSession extends Emitter<MediaSessionEvents> {
  readonly #options: MediaSessionOptions;
  readonly #timers: Timers;
  readonly #signaling: SignalingSession;
  /** Frames that may still be refused, by requestId. */
  readonly #pending = new Map<string, Pending>();
  #subscriber: SubscribeConnections | undefined;
  #iceServers: IceServer[] = [];
  #milestones = NO_MILESTONES;
  #blocked = false;
  #requests = 0;
  #sharedStepAtMs = 0;
  #cancelRestart: () => void = () => undefined;
  #endedBy: string | null = null;

  constructor(options: MediaSessionOptions) {
    super();
    this.#options = options;
    this.#timers = options.timers;
    this.#signaling = new SignalingSession(options);
    this.#signaling.on('state', () => {
      this.emit('connection');
    });
    this.#signaling.on('session', (session) => {
      this.#endedBy = null;
      if (!session.resumed) this.#forget(this.#timers.now());
      this.emit('session', session);
      this.emit('connection');
    });
    this.#signaling.on('frame', (frame) => {
      this.#take(frame);
    });
  }

  get signaling(): SignalingState {
    return this.#signaling.state;
  }

  get milestones(): Milestones {
    return this.#milestones;
  }

  /** `new` until there is a peer connection. */
  get connectionState(): RTCPeerConnectionState {
    return this.#subscriber?.connectionState ?? 'new';
  }

  /** The relays that did not answer ("udp 3478"), while none does; null otherwise. */
  get blockedTransports(): string[] | null {
    return this.#blocked ? transportsOf(this.iceServerUrls) : null;
  }

  get iceServers(): IceServer[] {
    return this.#iceServers;
  }

  get iceServerUrls(): string[] {
    return this.#iceServers.flatMap((server) => server.urls);
  }

  /** Why an operator ended this session, until it is open again. */
  get endedBy(): string | null {
    return this.#endedBy;
  }

  start(): void {
    this.#signaling.start();
  }

  /** @returns false when there is no open session: the frame is lost and must be said again on `session`. */
  send(frame: ClientFrame): boolean {
    return this.#signaling.send(frame);
  }

  /** Like `send`; a refusal is told with the room it concerns. */
  request(frame: ClientFrame, roomId: string, settle?: Pending['settle']): boolean {
    const requestId = `r${String(++this.#requests)}`;
    if (!this.#signaling.send({ ...frame, requestId } as ClientFrame)) return false;
    this.#pending.set(requestId, { roomId, ...(settle && { settle }) });
    const [oldest = ''] = this.#pending.keys();
    if (this.#pending.size > MAX_PENDING) this.#unanswered(oldest);
    return true;
  }

  /** A request that is answered by `done` or `data-open`. @throws RequestError (rejects) when it was refused or not answered. */
  ask(frame: ClientFrame, roomId: string): Promise<ServerFrame> {
    return new Promise((resolve, reject) => {
      const isSent = this.request(frame, roomId, (answer) => {
        cancel();
        if (answer instanceof RequestError) reject(answer);
        else resolve(answer);
      });
      const requestId = `r${String(this.#requests)}`;
      const cancel = this.#timers.after(ANSWER_LIMIT_MS, () => {
        this.#unanswered(requestId);
      });
      if (isSent) return;
      cancel();
      reject(new RequestError('unavailable', NO_SESSION));
    });
  }

  #unanswered(requestId: string): void {
    const asked = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    asked?.settle?.(new RequestError('unavailable', NO_ANSWER));
  }

  /** Tells a refusal that nobody waits for. */
  refuse({ code, message }: RequestError, roomId: string): void {
    this.emit('refused', { code, message, roomId, requestId: undefined, connection: undefined });
  }

  /** Tries to reach the server now instead of at the end of the wait. */
  hurry(): void {
    this.#signaling.hurry();
  }

  /** Gives up this session and its media for a new one. */
  renew(): void {
    this.#signaling.renew();
  }

  /** A step of the ladder that touches every picture; not taken again within four seconds. */
  repair(step: 'ice-restart' | 'new-session', nowMs: number): void {
    if (nowMs - this.#sharedStepAtMs < SHARED_STEP_GAP_MS) return;
    this.#sharedStepAtMs = nowMs;
    if (step === 'ice-restart') this.#peer().restart();
    else this.#signaling.renew();
  }

  /** The receiver's track that carries `trackId` now. */
  receiverTrack(trackId: string): MediaStreamTrack | undefined {
    return this.#subscriber?.receiverTrack(trackId);
  }

  /** A data channel of a connection that receives; '' where there is one only. */
  createChannel(connectionId: string, label: string, init: RTCDataChannelInit): RTCDataChannel {
    return this.#peer().createChannel(connectionId, label, init, this.#iceServers);
  }

  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#subscriber?.getStats();
  }

  close(): void {
    this.#signaling.close();
    this.#cancelRestart();
    this.#forget(null);
    this.clear();
  }

  /** @param sessionAtMs when the next session began; null: there is none. */
  #forget(sessionAtMs: number | null): void {
    this.#subscriber?.close();
    this.#subscriber = undefined;
    this.#blocked = false;
    for (const requestId of [...this.#pending.keys()]) this.#unanswered(requestId);
    this.#milestones = { ...NO_MILESTONES, sessionAtMs };
    this.emit('forgotten');
  }

  #take(frame: ServerFrame): void {
    const { requestId = '' } = frame as { requestId?: string };
    const asked = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    switch (frame.type) {
      case 'turn-credentials':
      case 'refresh-credentials':
        this.#iceServers = frame.iceServers;
        this.#subscriber?.setIceServers(frame.iceServers);
        break;
      case 'offer':
        if (frame.connection === 'subscribe') this.#peer().takeOffer(frame, this.#iceServers);
        return;
      case 'ice-candidate':
        if (frame.connection === 'subscribe') this.#subscriber?.takeCandidate(frame);
        break;
      case 'slot':
        this.#subscriber?.takeSlot(frame);
        return;
      case 'error':
        if (frame.connectionId !== undefined) this.#subscriber?.drop(frame.connectionId);
        this.#refused(frame, asked);
        return;
      case 'kicked':
        if (frame.roomId === null) {
          this.#endedBy = frame.reason;
          this.emit('connection');
        }
        break;
      case 'done':
      case 'data-open':
        asked?.settle?.(frame);
        return;
      default:
        break;
    }
    this.emit('frame', frame);
  }

  #refused(frame: ServerFrameData<'error'>, asked: Pending | undefined): void {
    const { code, message, requestId = '', connection, roomId = asked?.roomId } = frame;
    if (roomId === undefined && code === 'negotiation_failed') this.#renewLater();
    if (asked?.settle) asked.settle(new RequestError(code, message));
    else this.emit('refused', { code, message, roomId, requestId, connection });
  }

  // -- The subscribe leg -----------------------------------------------------------------------------

  #peer(): SubscribeConnections {
    if (this.#subscriber) return this.#subscriber;
    const subscriber = new SubscribeConnections({
      send: (frame) => {
        this.#signaling.send(frame);
      },
      createConnection: (configuration) => this.#options.media.createConnection(configuration),
    });
    this.#subscriber = subscriber;
    subscriber.on('slots', () => {
      this.emit('slots');
    });
    subscriber.on('relayed', () => {
      this.#reached('relayedAtMs');
    });
    subscriber.on('blocked', () => {
      this.#blocked = true;
      this.emit('connection');
      this.#renewLater();
    });
    subscriber.on('connection', (state) => {
      if (state === 'connected') {
        this.#cancelRestart();
        this.#reached('connectedAtMs');
      }
      if (state === 'failed') {
        this.repair('ice-restart', this.#timers.now());
        this.#renewLater();
      }
      this.emit('connection');
    });
    subscriber.on('failed', () => {
      this.#renewLater();
    });
    return subscriber;
  }

  #reached(step: 'relayedAtMs' | 'connectedAtMs'): void {
    this.#blocked = false;
    this.#milestones = { ...this.#milestones, [step]: this.#milestones[step] ?? this.#timers.now() };
    this.emit('connection');
  }

  /** Unless the connection comes back by itself within the limit, the session is given up. */
  #renewLater(): void {
    this.#cancelRestart();
    this.#cancelRestart = this.#timers.after(RESTART_LIMIT_MS, () => {
      if (this.connectionState !== 'connected') this.#signaling.renew();
    });
  }
}
