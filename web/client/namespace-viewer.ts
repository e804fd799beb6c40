/**
 * Watches any number of rooms of one namespace, one picture each, over one media session. Owners say per room what
 * they want (`want`), report shown frames (`frameShown`) and call `tick`; the viewer keeps the server told, the
 * streams filled, and climbs the recovery ladder until pictures flow again.
 */
import type { ClientFrame, ServerFrame, TrackInfo } from '../../daemon/contract/signaling.ts';
import { Emitter } from './emitter.ts';
import {
  MediaSession,
  type MediaSessionOptions,
  type Milestones,
  type ServerRefusal,
} from './media-session.ts';
import { climb, type Rung } from './recovery.ts';
import { codecName } from './relay-names.ts';
import type { SignalingState } from './signaling-session.ts';
import type { Timers } from './timers.ts';
import { WatchedRoom, type Desired } from './watched-room.ts';

export type ViewerEvents = {
  /** Something about one room changed. */
  room: string;
  /** Signaling, peer connection or milestones changed: it concerns every room. */
  connection: undefined;
};

const REFUSAL_RETRY_MS = 20_000;
const FINAL_REFUSALS = new Set(['forbidden', 'unauthorized', 'not_found', 'room_not_found']);

export class NamespaceViewer extends Emitter<ViewerEvents> {
  readonly #options: MediaSessionOptions;
  readonly #timers: Timers;
  readonly #session: MediaSession;
  readonly #rooms = new Map<string, WatchedRoom>();

  constructor(options: MediaSessionOptions) {
    super();
    this.#options = options;
    this.#timers = options.timers;
    this.#session = new MediaSession(options);
    this.#session.on('connection', () => {
      this.emit('connection', undefined);
    });
    this.#session.on('forgotten', () => {
      for (const room of this.#rooms.values()) room.forgetSession();
    });
    this.#session.on('session', ({ resumed }) => {
      this.#sayAgain(resumed);
    });
    this.#session.on('frame', (frame) => {
      this.#take(frame);
    });
    this.#session.on('refused', (refusal) => {
      this.#refused(refusal);
    });
    this.#session.on('slots', () => {
      for (const room of this.#rooms.values()) this.#fillStream(room);
    });
  }

  get signaling(): SignalingState {
    return this.#session.signaling;
  }

  get milestones(): Milestones {
    return this.#session.milestones;
  }

  /** `new` until there is a peer connection. */
  get connectionState(): RTCPeerConnectionState {
    return this.#session.connectionState;
  }

  /** The relays that did not answer ("udp 3478"), while none does; null otherwise. */
  get blockedTransports(): string[] | null {
    return this.#session.blockedTransports;
  }

  get iceServerUrls(): string[] {
    return this.#session.iceServerUrls;
  }

  /** Why an operator ended this session, until it is open again. */
  get endedBy(): string | null {
    return this.#session.endedBy;
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
    return video === undefined ? undefined : this.#session.receiverTrack(video.trackId);
  }

  want(roomId: string, desired: Desired): void {
    const room = this.room(roomId);
    if (room.desired === desired) return;
    if (desired === 'play') room.playSinceMs = this.#timers.now();
    room.desired = desired;
    room.recovery = null;
    if (desired !== 'off') this.#session.start();
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
    this.#tellFirstFrame(room);
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
        signalingOpen: this.signaling.phase === 'open',
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
    if (this.signaling.phase !== 'open') {
      this.#session.hurry();
    } else if (room.told === 'nothing') {
      this.#tell(room);
    } else if (this.connectionState !== 'connected') {
      this.#session.renew();
      this.#session.hurry();
    } else if (room.serverPaused !== null) {
      room.serverPaused = null;
      this.#tellTracks(room, false);
    } else {
      this.#askKeyFrame(room);
      this.#session.repair('ice-restart', this.#timers.now());
    }
    this.emit('room', roomId);
  }

  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#session.getStats();
  }

  /** Gives the relay and the session back while nothing is watched; `want` wakes it. */
  sleep(): void {
    this.#session.rest();
  }

  close(): void {
    this.#session.close();
    for (const room of this.#rooms.values()) room.cancelRetry();
    this.#rooms.clear();
    this.clear();
  }

  // -- Session -------------------------------------------------------------------------------------

  #sayAgain(resumed: boolean): void {
    for (const room of this.#rooms.values()) {
      // What was said just before the socket broke may be lost: it is said again.
      if (room.told === 'joining') room.told = 'nothing';
      if (resumed && room.told !== 'nothing') this.#tellWish(room);
      else this.#tell(room);
    }
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'kicked':
        if (frame.roomId !== null) this.#kicked(frame.roomId, frame.reason);
        return;
      case 'welcome':
        this.#welcomed(frame.roomId, frame.tracks, frame.sourceLost);
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

  #kicked(roomId: string, reason: string): void {
    this.#withRoom(roomId, (room) => {
      room.forgetSession();
      room.refusal = { code: 'kicked', message: reason, retryAfterMs: null, retryAtMs: null };
    });
  }

  #refused({ roomId, code, message }: ServerRefusal): void {
    if (roomId === undefined) return;
    this.#withRoom(roomId, (room) => {
      if (code === 'already_joined') {
        room.told = 'play';
        return;
      }
      if (code === 'codec_not_supported') {
        room.unsupportedCodec = codecName(room.video?.mimeType ?? 'video/unknown');
        return;
      }
      // Only a refused join takes the picture away; a refused pause does not.
      if (room.told !== 'joining' && code !== 'room_full') return;
      const final = FINAL_REFUSALS.has(code);
      room.told = 'nothing';
      room.refusal = {
        code,
        message,
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
    if (this.signaling.phase !== 'open') return;
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
      .map((trackId) => this.#session.receiverTrack(trackId))
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
      this.milestones.connectedAtMs !== null &&
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
    else this.#session.repair(step, nowMs);
  }

  #askKeyFrame(room: WatchedRoom): void {
    const { video } = room;
    if (video !== undefined) this.#send({ type: 'key-frame', trackId: video.trackId });
  }

  /** The last step of the server's answer to "why is it black": only the browser sees it. */
  #tellFirstFrame(room: WatchedRoom): void {
    const trackId = room.video?.trackId;
    if (trackId === undefined || trackId === room.toldFrameOf || room.told !== 'play') return;
    if (this.#send({ type: 'stats', trackId, figures: { framesDecoded: 1 } })) room.toldFrameOf = trackId;
  }

  // -- Small things --------------------------------------------------------------------------------

  #send(frame: ClientFrame, roomId?: string): boolean {
    return roomId === undefined ? this.#session.send(frame) : this.#session.request(frame, roomId);
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
