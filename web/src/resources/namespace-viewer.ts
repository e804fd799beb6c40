/**
 * The cameras of one namespace as the console watches them: wishes per room (`want`, `setHeight`) turned into calls
 * of the client library, which does the rest. The library's client goes with `sleep` and comes with the next wish.
 */
import { Emitter } from '../../client/emitter.ts';
import type { JoinedRoom } from '../../client/joined-room.ts';
import type { MediaEnvironment, MediaSessionOptions, Milestones } from '../../client/media-session.ts';
import type { RemoteTrack } from '../../client/remote-track.ts';
import { TurnkeepClient, type ClientState } from '../../client/turnkeep-client.ts';
import { WatchedRoom, type Desired } from './watched-room.ts';

export type ViewerEvents = {
  /** Something about one room changed. */
  room: string;
  /** Signaling, peer connection or milestones changed: it concerns every room. */
  connection: undefined;
};

export type ViewerMedia = MediaEnvironment & { createStream(): MediaStream };
export type ViewerOptions = MediaSessionOptions & { media: ViewerMedia; isHidden: () => boolean };

const ASLEEP: ClientState = {
  signaling: 'idle',
  retryAtMs: null,
  refusal: null,
  receiving: 'new',
  sending: 'new',
  blocked: null,
  endedBy: null,
};
const NOTHING_YET: Milestones = { sessionAtMs: null, relayedAtMs: null, connectedAtMs: null };

export class NamespaceViewer extends Emitter<ViewerEvents> {
  readonly #options: ViewerOptions;
  readonly #rooms = new Map<string, WatchedRoom>();
  #client: TurnkeepClient | undefined;

  constructor(options: ViewerOptions) {
    super();
    this.#options = options;
  }

  get state(): ClientState {
    return this.#client?.state ?? ASLEEP;
  }

  get milestones(): Milestones {
    return this.#client?.milestones ?? NOTHING_YET;
  }

  get iceServerUrls(): string[] {
    return this.#client?.iceServerUrls ?? [];
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

  want(roomId: string, desired: Desired): void {
    const room = this.room(roomId);
    if (room.desired === desired) return;
    if (desired === 'play') room.playSinceMs = this.#options.timers.now();
    room.desired = desired;
    if (desired === 'play') this.#play(room);
    else if (desired === 'off') room.joined?.unsubscribe();
    for (const track of room.tracks) this.#tellTrack(room, track);
    this.emit('room', roomId);
  }

  /** @param lines of device pixels the picture is shown at; null: as many as there are. */
  setHeight(roomId: string, lines: number | null): void {
    const room = this.room(roomId);
    room.height = lines;
    for (const track of room.tracks) if (track.kind === 'video') track.setHeight(lines);
  }

  /** Stops watching a room for good, for example when its camera was deleted. */
  forget(roomId: string): void {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    this.#rooms.delete(roomId);
    room.joined?.leave();
    for (const track of room.stream.getTracks()) room.stream.removeTrack(track);
  }

  frameShown(roomId: string): void {
    this.#rooms.get(roomId)?.video?.frameShown();
  }

  /** The user asks: everything at once, from the top of the ladder. */
  retryNow(roomId: string): void {
    const room = this.room(roomId);
    const { signaling, receiving } = this.state;
    if (room.joined === undefined) this.#play(room);
    if (signaling !== 'open') this.#client?.retryNow();
    else if (room.joined?.state === 'refused') room.joined.retryNow();
    else if (receiving !== 'connected') this.#client?.retryNow();
    else room.video?.retryNow();
    this.emit('room', roomId);
  }

  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#client?.getStats();
  }

  /** Gives the relay and the session back while nothing is watched; `want` wakes it. */
  sleep(): void {
    const client = this.#client;
    this.#client = undefined;
    for (const room of this.#rooms.values()) room.joined = undefined;
    client?.close();
    this.emit('connection', undefined);
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
    this.#rooms.clear();
    this.clear();
  }

  #play(room: WatchedRoom): void {
    room.kicked = null;
    room.refusedCodec = false;
    if (room.joined !== undefined) {
      room.joined.subscribe();
      return;
    }
    const client = this.#awake();
    const joined = client.join(room.roomId);
    room.joined = joined;
    this.#listen(room, joined);
  }

  #listen(room: WatchedRoom, joined: JoinedRoom): void {
    const { roomId } = room;
    const changed = (): void => {
      this.emit('room', roomId);
    };
    for (const event of ['joined', 'refused', 'track-removed', 'source-lost', 'source-back'] as const) {
      joined.on(event, changed);
    }
    joined.on('track', (track) => {
      this.#meet(room, track);
    });
    joined.on('left', ({ reason }) => {
      if (room.joined !== joined) return;
      room.joined = undefined;
      room.kicked = reason;
      changed();
    });
  }

  #meet(room: WatchedRoom, track: RemoteTrack): void {
    // A camera that is published anew starts the ladder afresh.
    room.playSinceMs = Math.max(room.playSinceMs, this.#options.timers.now());
    room.refusedCodec = false;
    track.on('media', () => {
      room.fill();
      this.emit('room', room.roomId);
    });
    track.on('change', () => {
      this.emit('room', room.roomId);
    });
    if (track.kind === 'video') track.setHeight(room.height);
    this.#tellTrack(room, track);
    this.emit('room', room.roomId);
  }

  #tellTrack(room: WatchedRoom, track: RemoteTrack): void {
    if (room.desired === 'play') track.resume();
    if (room.desired === 'paused') track.pause();
    track.setShownElsewhere(room.desired === 'play');
  }

  #awake(): TurnkeepClient {
    if (this.#client !== undefined) return this.#client;
    const client = new TurnkeepClient(this.#options);
    this.#client = client;
    client.on('state', () => {
      if (this.#client === client) this.emit('connection', undefined);
    });
    client.on('error', ({ code, roomId }) => {
      const room = this.#rooms.get(roomId ?? '');
      if (room === undefined || code !== 'codec_not_supported') return;
      room.refusedCodec = true;
      this.emit('room', room.roomId);
    });
    return client;
  }
}
