/**
 * Watches any number of rooms of one namespace over one signaling session and one peer connection.
 * Owners say per room what they want (`want`), report shown frames (`frameShown`) and call `tick`; the viewer
 * keeps the server told, the streams filled, and climbs the recovery ladder until pictures flow again.
 */
import type { ClientFrame, ServerFrame, TrackInfo } from '../../daemon/contract/signaling.ts';
import { Emitter } from './emitter.ts';
import { climb, type Rung } from './recovery.ts';
import { SignalingSession, type SignalingSocket, type SignalingState } from './signaling-session.ts';
import { Subscriber } from './subscriber.ts';
import type { Timers } from './timers.ts';
import { WatchedRoom, type Desired } from './watched-room.ts';

/** What a browser provides; tests provide fakes. */
export interface MediaEnvironment {
  createConnection(configuration: RTCConfiguration): RTCPeerConnection;
  createStream(): MediaStream;
  /** @param mimeType for example `video/H264`. */
  canPlay(mimeType: string): boolean;
}

export type ViewerOptions = {
  fetchTicket: (signal: AbortSignal) => Promise<string>;
  openSocket: (ticket: string) => SignalingSocket;
  timers: Timers;
  media: MediaEnvironment;
};

/** How far the connection is, with times since the epoch. Null: not reached yet. */
export type Milestones = {
  sessionAtMs: number | null;
  relayedAtMs: number | null;
  connectedAtMs: number | null;
};

export type ViewerEvents = {
  /** Something about one room changed. */
  room: string;
  /** Signaling, peer connection or milestones changed: it concerns every room. */
  connection: undefined;
};

/** Steps of the ladder that touch every picture are not taken more often than this. */
const SHARED_STEP_GAP_MS = 4000;
/** A failed peer connection gets this long to come back by an ICE restart. */
const RESTART_LIMIT_MS = 6000;
const REFUSAL_RETRY_MS = 20_000;
const FINAL_REFUSALS = new Set(['forbidden', 'unauthorized', 'not_found', 'room_not_found']);
const MAX_PENDING = 256;

export class NamespaceViewer extends Emitter<ViewerEvents> {
  readonly #options: ViewerOptions;
  readonly #timers: Timers;
  readonly #signaling: SignalingSession;
  readonly #rooms = new Map<string, WatchedRoom>();
  /** requestId -> roomId of frames that may still be refused. */
  readonly #pending = new Map<string, string>();
  #subscriber: Subscriber | undefined;
  #iceServers: Subscriber['iceServers'] = [];
  #milestones: Milestones = { sessionAtMs: null, relayedAtMs: null, connectedAtMs: null };
  #blocked = false;
  #requests = 0;
  #sharedStepAtMs = 0;
  #cancelRestart: () => void = () => undefined;
  #endedBy: string | null = null;

  constructor(options: ViewerOptions) {
    super();
    this.#options = options;
    this.#timers = options.timers;
    this.#signaling = new SignalingSession(options);
    this.#signaling.on('state', () => {
      this.emit('connection', undefined);
    });
    this.#signaling.on('session', (session) => {
      this.#sessionStarted(session.resumed);
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
    return this.#blocked ? transportsOf(this.#iceServers.flatMap((server) => server.urls)) : null;
  }

  get iceServerUrls(): string[] {
    return this.#iceServers.flatMap((server) => server.urls);
  }

  /** Why an operator ended this session, until it is open again. */
  get endedBy(): string | null {
    return this.#endedBy;
  }

  get isIdle(): boolean {
    return ![...this.#rooms.values()].some((room) => room.desired !== 'off');
  }

  room(roomId: string): WatchedRoom {
    let room = this.#rooms.get(roomId);
    if (room === undefined) {
      room = new WatchedRoom(roomId, this.#options.media.createStream());
      this.#rooms.set(roomId, room);
    }
    return room;
  }

  /** The receiver's track that shows a room's video now, to find its statistics. */
  receiverTrack(roomId: string): MediaStreamTrack | undefined {
    const video = this.#rooms.get(roomId)?.video;
    return video === undefined ? undefined : this.#subscriber?.receiverTrack(video.trackId);
  }

  want(roomId: string, desired: Desired): void {
    const room = this.room(roomId);
    if (room.desired === desired) return;
    if (desired === 'play') room.playSinceMs = this.#timers.now();
    room.desired = desired;
    room.recovery = null;
    if (desired !== 'off') this.#signaling.start();
    this.#tell(room);
    this.emit('room', roomId);
  }

  /** Stops watching a room for good, for example when its camera was deleted. */
  forget(roomId: string): void {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    room.cancelRetry();
    if (room.told !== 'nothing') this.#send({ type: 'leave', roomId });
    for (const track of room.stream.getTracks()) room.stream.removeTrack(track);
    this.#rooms.delete(roomId);
  }

  frameShown(roomId: string, atMs: number): void {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    room.lastFrameAtMs = Math.max(atMs, room.lastFrameAtMs ?? 0);
    if (room.recovery === null) return;
    room.recovery = null;
    this.emit('room', roomId);
  }

  /** Climbs the ladder of every picture that stopped. Called twice a second while the page is visible. */
  tick(nowMs: number): void {
    for (const room of this.#rooms.values()) {
      if (!this.#expectsFrames(room)) continue;
      const { recovery, step } = climb(room.recovery, {
        nowMs,
        lastFrameAtMs: Math.max(room.lastFrameAtMs ?? 0, room.playSinceMs, room.firstPacketAtMs ?? 0),
        othersFlow: this.#othersFlow(room, nowMs),
        sourceAway: room.sourceLost !== null,
        signalingOpen: this.#signaling.state.phase === 'open',
      });
      const changed = recovery !== room.recovery;
      room.recovery = recovery;
      if (step !== null) this.#takeStep(step, room, nowMs);
      if (changed) this.emit('room', room.roomId);
    }
  }

  /** The user asks: everything at once, from the top of the ladder. */
  retryNow(roomId: string): void {
    const room = this.room(roomId);
    room.cancelRetry();
    room.refusal = null;
    if (this.#signaling.state.phase !== 'open') {
      this.#signaling.hurry();
    } else if (room.told === 'nothing') {
      this.#tell(room);
    } else if (this.connectionState !== 'connected') {
      this.#signaling.renew();
      this.#signaling.hurry();
    } else if (room.serverPaused !== null) {
      room.serverPaused = null;
      this.#tellTracks(room, false);
    } else {
      this.#askKeyFrame(room);
      this.#shared('ice-restart', this.#timers.now());
    }
    this.emit('room', roomId);
  }

  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#subscriber?.getStats();
  }

  /** Gives the relay and the session back while nothing is watched; `want` wakes it. */
  sleep(): void {
    this.#signaling.rest();
    this.#cancelRestart();
    this.#forgetSession(null);
  }

  close(): void {
    this.#signaling.close();
    this.#cancelRestart();
    this.#subscriber?.close();
    for (const room of this.#rooms.values()) room.cancelRetry();
    this.#rooms.clear();
    this.clear();
  }

  // -- Session -------------------------------------------------------------------------------------

  #sessionStarted(resumed: boolean): void {
    this.#endedBy = null;
    if (!resumed) {
      this.#forgetSession(this.#timers.now());
    }
    for (const room of this.#rooms.values()) {
      // What was said just before the socket broke may be lost: it is said again.
      if (room.told === 'joining') room.told = 'nothing';
      if (resumed && room.told !== 'nothing') this.#tellWish(room);
      else this.#tell(room);
    }
    this.emit('connection', undefined);
  }

  /** @param sessionAtMs when the next session began; null: there is none. */
  #forgetSession(sessionAtMs: number | null): void {
    this.#subscriber?.close();
    this.#subscriber = undefined;
    this.#blocked = false;
    this.#pending.clear();
    this.#milestones = { sessionAtMs, relayedAtMs: null, connectedAtMs: null };
    for (const room of this.#rooms.values()) room.forgetSession();
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'turn-credentials':
      case 'refresh-credentials':
        this.#iceServers = frame.iceServers;
        this.#subscriber?.setIceServers(frame.iceServers);
        return;
      case 'offer':
        if (frame.connection === 'subscribe') this.#peer().takeOffer(frame);
        return;
      case 'ice-candidate':
        if (frame.connection === 'subscribe') this.#subscriber?.takeCandidate(frame.candidate);
        return;
      case 'slot':
        this.#subscriber?.takeSlot(frame);
        return;
      case 'kicked':
        this.#kicked(frame.roomId, frame.reason);
        return;
      case 'error':
        this.#refused(frame);
        return;
      case 'welcome':
        this.#welcomed(frame.roomId, frame.tracks, frame.sourceLost);
        if (frame.requestId !== undefined) this.#pending.delete(frame.requestId);
        return;
      case 'track-added':
        this.#trackAdded(frame.track);
        return;
      case 'track-removed':
        this.#withRoom(frame.roomId, (room) => {
          room.tracks.delete(frame.trackId);
        });
        return;
      case 'track-state':
        this.#trackState(frame);
        return;
      case 'source-lost':
        this.#withRoom(frame.roomId, (room) => {
          room.sourceLost = { message: frame.message, sinceMs: frame.sinceMs };
          room.recovery = null;
        });
        return;
      case 'source-back':
        this.#withRoom(frame.roomId, (room) => {
          room.sourceLost = null;
          // The ladder starts from here, not from the moment the camera went away.
          room.playSinceMs = this.#timers.now();
        });
        return;
      default:
        return;
    }
  }

  #peer(): Subscriber {
    if (this.#subscriber !== undefined) return this.#subscriber;
    const subscriber = new Subscriber({
      iceServers: this.#iceServers,
      send: (frame) => {
        this.#signaling.send(frame);
      },
      createConnection: (configuration) => this.#options.media.createConnection(configuration),
    });
    this.#subscriber = subscriber;
    subscriber.on('slots', () => {
      for (const room of this.#rooms.values()) this.#fillStream(room);
    });
    subscriber.on('relayed', () => {
      this.#blocked = false;
      this.#milestones = {
        ...this.#milestones,
        relayedAtMs: this.#milestones.relayedAtMs ?? this.#timers.now(),
      };
      this.emit('connection', undefined);
    });
    subscriber.on('blocked', () => {
      this.#blocked = true;
      this.emit('connection', undefined);
      this.#renewLater();
    });
    subscriber.on('connection', (state) => {
      this.#connectionChanged(state);
    });
    subscriber.on('failed', () => {
      this.#renewLater();
    });
    return subscriber;
  }

  #connectionChanged(state: RTCPeerConnectionState): void {
    if (state === 'connected') {
      this.#cancelRestart();
      this.#blocked = false;
      this.#milestones = {
        ...this.#milestones,
        connectedAtMs: this.#milestones.connectedAtMs ?? this.#timers.now(),
      };
    }
    if (state === 'failed') {
      this.#shared('ice-restart', this.#timers.now());
      this.#renewLater();
    }
    this.emit('connection', undefined);
  }

  /** Unless the connection comes back by itself within the limit, the session is given up. */
  #renewLater(): void {
    this.#cancelRestart();
    this.#cancelRestart = this.#timers.after(RESTART_LIMIT_MS, () => {
      if (this.connectionState !== 'connected') this.#signaling.renew();
    });
  }

  #kicked(roomId: string | null, reason: string): void {
    if (roomId === null) {
      this.#endedBy = reason;
      this.emit('connection', undefined);
      return;
    }
    this.#withRoom(roomId, (room) => {
      room.forgetSession();
      room.refusal = { code: 'kicked', message: reason, retryAfterMs: null, retryAtMs: null };
    });
  }

  #refused(frame: {
    requestId?: string | undefined;
    roomId?: string | undefined;
    code: string;
    message: string;
  }): void {
    const roomId = frame.roomId ?? this.#pending.get(frame.requestId ?? '');
    if (frame.requestId !== undefined) this.#pending.delete(frame.requestId);
    if (roomId === undefined) {
      if (frame.code === 'negotiation_failed') this.#renewLater();
      return;
    }
    this.#withRoom(roomId, (room) => {
      if (frame.code === 'already_joined') {
        room.told = 'play';
        return;
      }
      if (frame.code === 'codec_not_supported') {
        room.unsupportedCodec = codecName(room.video?.mimeType ?? 'video/unknown');
        return;
      }
      // Only a refused join takes the picture away; a refused pause does not.
      if (room.told !== 'joining' && frame.code !== 'room_full') return;
      const final = FINAL_REFUSALS.has(frame.code);
      room.told = 'nothing';
      room.refusal = {
        code: frame.code,
        message: frame.message,
        retryAfterMs: final ? null : REFUSAL_RETRY_MS,
        retryAtMs: final ? null : this.#timers.now() + REFUSAL_RETRY_MS,
      };
      room.cancelRetry();
      if (!final) {
        room.cancelRetry = this.#timers.after(REFUSAL_RETRY_MS, () => {
          this.#tell(room);
        });
      }
    });
  }

  // -- Rooms ---------------------------------------------------------------------------------------

  #welcomed(roomId: string, tracks: TrackInfo[], sourceLost: string | null): void {
    this.#withRoom(roomId, (room) => {
      room.refusal = null;
      room.told = 'play';
      room.sourceLost = sourceLost === null ? null : { message: sourceLost, sinceMs: this.#timers.now() };
      room.tracks.clear();
      for (const track of tracks) this.#know(room, track);
      this.#tell(room);
    });
  }

  #trackAdded(track: TrackInfo): void {
    this.#withRoom(track.roomId, (room) => {
      this.#know(room, track);
      room.sourceLost = null;
      // A camera that is published anew starts the ladder afresh.
      room.playSinceMs = Math.max(room.playSinceMs, this.#timers.now());
      if (room.desired === 'paused') this.#tellTracks(room, true);
    });
  }

  #know(room: WatchedRoom, track: TrackInfo): void {
    if (room.tracks.size >= 16) return;
    room.tracks.set(track.trackId, track);
    if (track.kind !== 'video') return;
    const playable = this.#options.media.canPlay(track.mimeType);
    room.unsupportedCodec = playable ? null : codecName(track.mimeType);
    if (!playable) this.#send({ type: 'unsubscribe', roomId: room.roomId, trackId: track.trackId });
  }

  #trackState(frame: { trackId: string; paused?: boolean | undefined; reason?: string | undefined }): void {
    for (const room of this.#rooms.values()) {
      if (!room.tracks.has(frame.trackId) || frame.paused === undefined) continue;
      const held = frame.paused && frame.reason !== undefined;
      room.serverPaused = held ? (frame.reason ?? null) : null;
      if (!held && room.desired === 'play') room.playSinceMs = this.#timers.now();
      this.#changed(room);
    }
  }

  /** Says what is wanted unless the server knows it. */
  #tell(room: WatchedRoom): void {
    if (this.#signaling.state.phase !== 'open') return;
    if (room.told === 'nothing') {
      if (room.desired !== 'play') return;
      if (this.#send({ type: 'join', roomId: room.roomId, subscribe: 'auto' }, room.roomId)) {
        room.told = 'joining';
      }
      return;
    }
    if (room.told !== 'joining' && room.told !== room.desired) this.#tellWish(room);
  }

  #tellWish(room: WatchedRoom): void {
    const { roomId, desired } = room;
    if (desired === 'off') this.#send({ type: 'unsubscribe', roomId }, roomId);
    if (desired === 'play' && room.told === 'off') this.#send({ type: 'subscribe', roomId }, roomId);
    if (desired !== 'off') this.#tellTracks(room, desired === 'paused');
    room.told = desired;
  }

  #tellTracks(room: WatchedRoom, paused: boolean): void {
    for (const trackId of room.tracks.keys()) {
      this.#send({ type: 'track-state', trackId, paused }, room.roomId);
    }
  }

  #fillStream(room: WatchedRoom): void {
    const wanted = [...room.tracks.keys()]
      .map((trackId) => this.#subscriber?.receiverTrack(trackId))
      .filter((track) => track !== undefined);
    // Without a successor the old track stays: its last picture is shown shaded.
    if (wanted.length === 0) return;
    for (const track of room.stream.getTracks()) {
      if (!wanted.includes(track)) room.stream.removeTrack(track);
    }
    for (const track of wanted) {
      if (room.stream.getTracks().includes(track)) continue;
      room.stream.addTrack(track);
      if (track.kind === 'video') this.#watchFirstPacket(room, track);
    }
    this.#changed(room);
  }

  #watchFirstPacket(room: WatchedRoom, track: MediaStreamTrack): void {
    const arrived = (): void => {
      room.firstPacketAtMs ??= this.#timers.now();
      this.#changed(room);
    };
    if (track.muted) track.addEventListener('unmute', arrived, { once: true });
    else arrived();
  }

  // -- Recovery ------------------------------------------------------------------------------------

  #expectsFrames(room: WatchedRoom): boolean {
    return (
      room.desired === 'play' &&
      room.told === 'play' &&
      room.serverPaused === null &&
      room.unsupportedCodec === null &&
      // Before the first connection the milestones tell the story; afterwards every gap is a fault.
      this.#milestones.connectedAtMs !== null &&
      room.video !== undefined
    );
  }

  #othersFlow(room: WatchedRoom, nowMs: number): boolean {
    return [...this.#rooms.values()].some(
      (other) => other !== room && other.desired === 'play' && nowMs - (other.lastFrameAtMs ?? 0) < 1500,
    );
  }

  #takeStep(step: Rung, room: WatchedRoom, nowMs: number): void {
    if (step === 'key-frame') this.#askKeyFrame(room);
    else this.#shared(step, nowMs);
  }

  #askKeyFrame(room: WatchedRoom): void {
    const { video } = room;
    if (video !== undefined) this.#send({ type: 'key-frame', trackId: video.trackId });
  }

  #shared(step: 'ice-restart' | 'new-session', nowMs: number): void {
    if (nowMs - this.#sharedStepAtMs < SHARED_STEP_GAP_MS) return;
    this.#sharedStepAtMs = nowMs;
    if (step === 'ice-restart') this.#send({ type: 'restart', connection: 'subscribe' });
    else this.#signaling.renew();
  }

  // -- Small things --------------------------------------------------------------------------------

  #send(frame: ClientFrame, roomId?: string): boolean {
    if (roomId === undefined) return this.#signaling.send(frame);
    const requestId = `r${String(++this.#requests)}`;
    const sent = this.#signaling.send({ ...frame, requestId } as ClientFrame);
    if (!sent) return false;
    this.#pending.set(requestId, roomId);
    const oldest = this.#pending.keys().next().value;
    if (this.#pending.size > MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
    return true;
  }

  #withRoom(roomId: string, change: (room: WatchedRoom) => void): void {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    change(room);
    this.#changed(room);
  }

  #changed(room: WatchedRoom): void {
    this.emit('room', room.roomId);
  }
}

/** `video/H264` -> `H.264`. */
export function codecName(mimeType: string): string {
  const name = mimeType.slice(mimeType.indexOf('/') + 1);
  return name.toUpperCase() === 'H264'
    ? 'H.264'
    : name.toUpperCase() === 'H265'
      ? 'H.265'
      : name.toUpperCase();
}

/** `turn:host:3478?transport=udp` -> `udp 3478`; duplicates removed. */
export function transportsOf(urls: string[]): string[] {
  const names = urls.map((url) => {
    const match = /^(turns?):(?:\[[^\]]*\]|[^:?]*)(?::(\d+))?(?:\?transport=(udp|tcp))?$/i.exec(url);
    if (match === null) return url;
    const secure = match[1]?.toLowerCase() === 'turns';
    const transport = (match[3] ?? (secure ? 'tcp' : 'udp')).toLowerCase();
    const name = secure ? (transport === 'udp' ? 'dtls' : 'tls') : transport;
    return `${name} ${match[2] ?? (secure ? '5349' : '3478')}`;
  });
  return [...new Set(names)];
}
