/**
 * What other people's pages get: one client is one session in one namespace, with any number of rooms. It
 * reconnects for ever until it is closed: resume, ICE restart, new session; rooms, tracks and wishes outlive all of them.
 */
import type { ServerFrame } from '../../daemon/contract/signaling.ts';
import { DataLanes } from './data-lanes.ts';
import { Emitter } from './emitter.ts';
import { JoinedRoom, type JoinOptions } from './joined-room.ts';
import { MediaSession, type MediaSessionOptions, type Milestones } from './media-session.ts';
import { Publisher } from './publisher.ts';
import type { RemoteTrack } from './remote-track.ts';
import type { SignalingState } from './signaling-session.ts';
import { reportOf, type ReceivedFigures } from './track-figures.ts';

/** How far the connections are. */
export type ClientState = {
  /** `open`: the server hears us. `waiting`: the next try is at `retryAtMs`. */
  signaling: SignalingState['phase'];
  retryAtMs: number | null;
  /** What the server answered to the last try; null when it was merely not reached. */
  refusal: { code: string; message: string } | null;
  /** The connection that receives; `new` before there is anything to receive. */
  receiving: RTCPeerConnectionState;
  /** The connection that publishes; `new` while nothing is published. */
  sending: RTCPeerConnectionState;
  /** The relays that did not answer ("udp 3478") while none does; null otherwise. */
  blocked: string[] | null;
  /** Why an operator ended the session; null when none did. */
  endedBy: string | null;
};

export type ClientEvents = {
  state: ClientState;
  /** The server refused something. Refused joins are told by the room instead. */
  error: { code: string; message: string; roomId: string | null };
  /** The server is about to stop; the client moves by itself. */
  draining: { retryAfterMs: number; alternatives: string[] };
  /** Figures of everything that is received, about every five seconds; the server is told them too. */
  stats: { track: RemoteTrack; figures: ReceivedFigures }[];
};

const TICK_MS = 500;
const STATS_MS = 5000;
/** Of more tracks the server is told in turns: it takes 50 frames a second from one session. */
const MAX_REPORTS = 16;

export class TurnkeepClient extends Emitter<ClientEvents> {
  readonly #options: MediaSessionOptions & { isHidden: () => boolean };
  readonly #session: MediaSession;
  readonly #publisher: Publisher;
  readonly #data: DataLanes;
  readonly #rooms = new Map<string, JoinedRoom>();
  #wasHidden = false;
  #closed = false;
  #statsAtMs: number;
  /** Where the next round of reports begins, in the order of the tracks. */
  #reportFrom = 0;
  #cancelTick: () => void = () => undefined;

  /** @internal @param options.isHidden whether the page is painted: while it is not, a still picture is no fault. */
  constructor(options: MediaSessionOptions & { isHidden: () => boolean }) {
    super();
    this.#options = options;
    this.#statsAtMs = options.timers.now() + STATS_MS;
    this.#session = new MediaSession(options);
    const changed = (): void => {
      this.emit('state', this.state);
    };
    this.#session.on('connection', changed);
    this.#data = new DataLanes(this.#session, options.timers, (message) => {
      this.#rooms.get(message.roomId)?.emit('data', message);
    });
    this.#publisher = new Publisher({
      session: this.#session,
      media: options.media,
      timers: options.timers,
      isJoined: (roomId) => this.#rooms.get(roomId)?.state === 'joined',
    });
    this.#publisher.on('connection', changed);
    this.#session.on('forgotten', () => {
      for (const room of this.rooms) room.forgetSession();
    });
    this.#session.on('session', ({ resumed }) => {
      for (const room of this.rooms) room.sessionOpen(resumed);
    });
    this.#session.on('frame', (frame) => {
      this.#take(frame);
    });
    this.#session.on('refused', (refusal) => {
      const { code, message, roomId = null } = refusal;
      const room = this.#rooms.get(roomId ?? '');
      const aboutPublishing = this.#publisher.refused(refusal);
      // A connection that ended is repaired; all other refusals are the page's business.
      if (aboutPublishing && refusal.connection) return;
      if (!aboutPublishing && room?.state === 'joining') room.refused(refusal);
      else this.emit('error', { code, message, roomId });
    });
    this.#session.on('slots', () => {
      for (const room of this.rooms) room.fill();
    });
    this.#tickLater();
  }

  get state(): ClientState {
    const { signaling, connectionState, blockedTransports, endedBy } = this.#session;
    const { phase, nextAttemptAtMs, refusal } = signaling;
    return {
      signaling: phase,
      retryAtMs: nextAttemptAtMs,
      refusal,
      receiving: connectionState,
      sending: this.#publisher.connectionState,
      blocked: blockedTransports,
      endedBy,
    };
  }

  /** How far the receiving connection has come, with times since the epoch. */
  get milestones(): Milestones {
    return this.#session.milestones;
  }

  /** The relays the server named: how its answers to `getStats` are told apart. */
  get iceServerUrls(): string[] {
    return this.#session.iceServerUrls;
  }

  get rooms(): JoinedRoom[] {
    return [...this.#rooms.values()];
  }

  /** Joins a room, and again after every reconnection until it is left. A room that was joined is returned as it is. */
  join(roomId: string, options: JoinOptions = {}): JoinedRoom {
    if (this.#closed) throw new Error('This client is closed: make a new one with connect().');
    const known = this.#rooms.get(roomId);
    if (known) return known;
    const { media, timers } = this.#options;
    const room = new JoinedRoom(roomId, options, {
      session: this.#session,
      publisher: this.#publisher,
      data: this.#data,
      media,
      timers,
    });
    room.on('left', () => {
      this.#rooms.delete(roomId);
    });
    this.#rooms.set(roomId, room);
    this.#session.start();
    room.tell();
    return room;
  }

  /** Tries now what would be tried later: the socket, or relays that did not answer. */
  retryNow(): void {
    if (this.#session.signaling.phase === 'open' && this.#session.connectionState !== 'connected') {
      this.#session.renew();
    }
    this.#session.hurry();
  }

  /** The browser's report of the receiving connection; `RemoteTrack.stats` reads it for you. */
  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#session.getStats();
  }

  /** Ends everything. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTick();
    for (const room of this.rooms) room.end();
    this.#publisher.close();
    this.#session.close();
    this.emit('state', this.state);
    this.clear();
  }

  #take(frame: ServerFrame): void {
    if (frame.type === 'server-draining') this.emit('draining', frame);
    if (frame.type === 'track-state') {
      for (const room of this.rooms) room.take(frame);
      return;
    }
    const { roomId } = (frame.type === 'track-added' ? frame.track : frame) as { roomId?: string | null };
    this.#rooms.get(roomId ?? '')?.take(frame);
  }

  #tracks(): RemoteTrack[] {
    return this.rooms.flatMap((room) => room.tracks);
  }

  #tickLater(): void {
    this.#cancelTick = this.#options.timers.after(TICK_MS, () => {
      this.#tick();
      void this.#tellStats();
      this.#tickLater();
    });
  }

  /** One report of the browser for all tracks; of a page that is not painted there is nothing to tell. */
  async #tellStats(): Promise<void> {
    const nowMs = this.#options.timers.now();
    if (nowMs < this.#statsAtMs || this.#wasHidden || this.#session.connectionState !== 'connected') return;
    this.#statsAtMs = nowMs + STATS_MS;
    let entries: unknown[];
    try {
      entries = [...((await this.#session.getStats())?.values() ?? [])];
    } catch {
      return; // The connection was closed meanwhile.
    }
    const all = this.#tracks().flatMap((track) => {
      const figures = track.takeReport(entries);
      return figures ? [{ track, figures }] : [];
    });
    if (all.length === 0) return;
    const from = this.#reportFrom % all.length;
    this.#reportFrom = from + MAX_REPORTS;
    for (const { track, figures } of [...all.slice(from), ...all.slice(0, from)].slice(0, MAX_REPORTS)) {
      this.#session.send({ type: 'stats', trackId: track.trackId, figures: reportOf(figures) });
    }
    this.emit('stats', all);
  }

  /** Climbs the ladder of every picture that stopped. */
  #tick(): void {
    const nowMs = this.#options.timers.now();
    const hidden = this.#options.isHidden();
    const seenAgain = this.#wasHidden && !hidden;
    this.#wasHidden = hidden;
    if (hidden) return;
    const tracks = this.#tracks();
    if (seenAgain) for (const track of tracks) track.startLadderAnew();
    const flowing = tracks.filter((track) => track.flows(nowMs));
    // Before the first connection the milestones tell the story; afterwards every gap is a fault.
    const connected = this.#session.milestones.connectedAtMs !== null;
    for (const track of tracks) {
      track.tick(nowMs, {
        othersFlow: flowing.some((one) => one !== track),
        sourceAway: this.#rooms.get(track.roomId)?.sourceLost !== null,
        connected,
      });
    }
  }
}
