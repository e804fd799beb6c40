/** One room a page is in: who is there, what they publish, what we publish. It is joined again by itself. */
import type {
  ClientFrame,
  ParticipantInfo,
  ServerFrame,
  ServerFrameData,
  TrackInfo,
} from '../../daemon/contract/signaling.ts';
import type { DataLanes, DataMessage, DataOptions } from './data-lanes.ts';
import { Emitter } from './emitter.ts';
import {
  NO_SESSION,
  RequestError,
  type MediaEnvironment,
  type MediaSession,
  type ServerRefusal,
} from './media-session.ts';
import type { Publication, PublishOptions } from './publication.ts';
import type { Publisher } from './publisher.ts';
import { RemoteTrack } from './remote-track.ts';
import type { Timers } from './timers.ts';

export type RoomState = 'joining' | 'joined' | 'refused' | 'left';

export type RoomEvents = {
  /** We are in, for the first time or again. */
  joined: undefined;
  /** The server said no. `retryAtMs` (since the epoch) is when it is asked again; null: it is not. */
  refused: { code: string; message: string; retryAtMs: number | null };
  /** Over: left, or ended by an operator, who gives a reason. */
  left: { reason: string | null };
  'participant-joined': ParticipantInfo;
  'participant-left': ParticipantInfo;
  /** A moderator sent somebody away; `participant-left` follows. */
  'participant-kicked': { participant: ParticipantInfo; reason: string };
  /** Who is loudest now; null: nobody speaks. */
  'active-speaker': ParticipantInfo | null;
  /** A track, perhaps ours, was muted or is not any more. `forced`: by a moderator, and only one can undo it. */
  muted: MutedTrack;
  /** Somebody publishes a track. Its media follows: `attach` it at once, it appears when it arrives. */
  track: RemoteTrack;
  'track-removed': RemoteTrack;
  /** Somebody else in the room has sent it with `sendData`. */
  data: DataMessage;
  /** The camera of this room does not answer, and why, in a sentence. */
  'source-lost': { message: string; sinceMs: number };
  'source-back': undefined;
};

export type MutedTrack = { trackId: string; participantId: string; muted: boolean; forced: boolean };

export type KickOptions = {
  /** What they are told. */
  reason?: string;
  /** All of the same identity go, and stay out so long; 0: this one participant, who may come back. */
  forSeconds?: number;
};

export type JoinOptions = {
  /** `auto` (default): every track, present and future, is received. `none`: those that are subscribed. */
  subscribe?: 'auto' | 'none';
};

export type RoomPort = {
  session: MediaSession;
  publisher: Publisher;
  data: DataLanes;
  media: MediaEnvironment;
  timers: Timers;
};

const REFUSAL_RETRY_MS = 20_000;
const FINAL_REFUSALS = new Set(['forbidden', 'unauthorized', 'not_found', 'room_not_found']);
/** Above every limit of a server; what comes on top is not kept. */
const MAX_TRACKS = 256;
const MAX_PARTICIPANTS = 4096;

export class JoinedRoom extends Emitter<RoomEvents> {
  readonly roomId: string;
  readonly #port: RoomPort;
  #mode: 'auto' | 'none';
  readonly #participants = new Map<string, ParticipantInfo>();
  readonly #tracks = new Map<string, RemoteTrack>();
  #state: RoomState = 'joining';
  #asked = false;
  #participantId: string | null = null;
  #sourceLost: { message: string; sinceMs: number } | null = null;
  #refusal: RoomEvents['refused'] | null = null;
  #speaker: string | null = null;
  /** Tracks a moderator has muted: of ours that is told before their ids are known. */
  readonly #forced = new Set<string>();
  #cancelRetry: () => void = () => undefined;

  /** @internal */
  constructor(roomId: string, options: JoinOptions, port: RoomPort) {
    super();
    this.roomId = roomId;
    this.#mode = options.subscribe ?? 'auto';
    this.#port = port;
  }

  get state(): RoomState {
    return this.#state;
  }

  /** Ours, among `participants`; null until we are in. */
  get participantId(): string | null {
    return this.#participantId;
  }

  /** Everybody in the room, ourselves too. */
  get participants(): ParticipantInfo[] {
    return [...this.#participants.values()];
  }

  /** What others publish. */
  get tracks(): RemoteTrack[] {
    return [...this.#tracks.values()];
  }

  get sourceLost(): { message: string; sinceMs: number } | null {
    return this.#sourceLost;
  }

  /** What the server said to the last try to get in; null once we are. */
  get refusal(): RoomEvents['refused'] | null {
    return this.#refusal;
  }

  /** Who is loudest now, by the levels publishers send; null: nobody speaks, or they are gone. */
  get activeSpeaker(): ParticipantInfo | null {
    return this.#participants.get(this.#speaker ?? '') ?? null;
  }

  /** What we publish here. */
  get publications(): Publication[] {
    return this.#port.publisher.publications(this.roomId);
  }

  /**
   * Publishes a camera, a screen, a microphone or any other track, as many as there are. It may be called before we are
   * in, and goes on after every reconnection until it is taken back, its source ends or the room is left.
   */
  publish(track: MediaStreamTrack, options: PublishOptions = {}): Publication {
    this.#mustNotBeLeft();
    const publication = this.#port.publisher.publish(this.roomId, track, options);
    publication.on('published', ({ trackId }) => {
      publication.takeForced(this.#forced.has(trackId ?? ''));
    });
    return publication;
  }

  /** Takes everything, tracks that come later too; undoes `unsubscribe`. */
  subscribe(): void {
    this.#setMode('auto');
  }

  /** Takes nothing any more but stays in the room: a camera that nobody takes may rest. */
  unsubscribe(): void {
    this.#setMode('none');
  }

  /** Asks to be let in now instead of at the end of the wait. */
  retryNow(): void {
    if (this.#state !== 'refused') return;
    this.#cancelRetry();
    this.#state = 'joining';
    this.#asked = false;
    this.tell();
  }

  /** Sends somebody away. Needs the right `admin`. @throws RequestError (rejects) as the server says. */
  kick(participantId: string, { reason, forSeconds }: KickOptions = {}): Promise<void> {
    // The server's defaults stand for what is left out.
    return this.#ask({ type: 'kick', roomId: this.roomId, participantId, reason, forSeconds } as ClientFrame);
  }

  /**
   * Mutes what somebody sends, now and later, or undoes that; without `kind` sound and picture. Needs the right `admin`.
   * @throws RequestError (rejects) as the server says.
   */
  mute(participantId: string, muted: boolean, kind?: 'audio' | 'video'): Promise<void> {
    return this.#ask({ type: 'mute', roomId: this.roomId, participantId, muted, kind });
  }

  /** Ends the room for everybody, us too. Needs the right `admin`. @throws RequestError (rejects) as the server says. */
  close(reason?: string): Promise<void> {
    return this.#ask({ type: 'close', roomId: this.roomId, reason } as ClientFrame);
  }

  /**
   * Sends text or bytes to the others in the room. Resolves when it is on its way. Rejects (RequestError) while the
   * room is not joined, with the server's sentence when it refuses data channels, and when they do not open within 30 s;
   * when it is larger than the server takes (16 KiB unless it says otherwise), with an error that names the limit.
   */
  async sendData(data: string | Uint8Array, options: DataOptions = {}): Promise<void> {
    if (this.#state !== 'joined') {
      throw new RequestError('unavailable', this.#refusal?.message ?? NO_SESSION);
    }
    this.#port.data.want(this.roomId, true);
    await this.#port.data.send(this.roomId, data, options);
  }

  override on<Name extends keyof RoomEvents>(
    name: Name,
    listener: (data: RoomEvents[Name]) => void,
  ): () => void {
    // Who never listens has no channels.
    if (name === 'data') this.#port.data.want(this.roomId, this.#state === 'joined');
    return super.on(name, listener);
  }

  /** Leaves for good. Twice is harmless. */
  leave(): void {
    if (this.#state === 'left') return;
    this.#port.session.send({ type: 'leave', roomId: this.roomId });
    this.end();
  }

  // -- For the client that owns it -----------------------------------------------------------------

  /** @internal Asks to be let in, where that was not done in this session. */
  tell(): void {
    if (this.#asked || this.#state === 'left') return;
    const { roomId } = this;
    const join = { type: 'join', roomId, subscribe: this.#mode, connections: 'many' } as const;
    this.#asked = this.#port.session.request(join, roomId);
  }

  /** @internal A session is open. */
  sessionOpen(resumed: boolean): void {
    // A join that was not answered may be lost with the socket: `already_joined` is the answer to a second one.
    if (!resumed || this.#state === 'joining') this.#asked = false;
    this.tell();
  }

  /** @internal The session is over; tracks stay, with their last picture, until the next welcome. */
  forgetSession(): void {
    this.#asked = false;
    this.#cancelRetry();
    if (this.#state === 'left') return;
    this.#state = 'joining';
    this.#refusal = null;
    this.#forced.clear();
    for (const track of this.tracks) track.forgetSession();
  }

  /** @internal A frame that names this room, or a track of it. */
  take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome':
        this.#welcomed(frame);
        return;
      case 'kicked':
        this.end(frame.reason);
        return;
      case 'peer-joined':
        this.#meet(frame.participant);
        return;
      case 'peer-left': {
        const who = this.#participants.get(frame.participantId);
        this.#participants.delete(frame.participantId);
        if (!who) return;
        if (frame.kicked !== undefined) {
          this.emit('participant-kicked', { participant: who, reason: frame.kicked });
        }
        this.emit('participant-left', who);
        return;
      }
      case 'track-added':
        this.#know(frame.track, false);
        return;
      case 'track-removed':
        this.#drop(frame.trackId);
        return;
      case 'track-state':
        this.#takeState(frame);
        return;
      case 'active-speaker':
        this.#speaker = frame.participantId;
        this.emit('active-speaker', this.activeSpeaker);
        return;
      case 'source-lost':
        this.#setSource({ message: frame.message, sinceMs: frame.sinceMs });
        return;
      case 'source-back':
        this.#setSource(null);
        return;
      default:
    }
  }

  /** @internal */
  refused({ code, message }: ServerRefusal): void {
    if (code === 'already_joined' || this.#state !== 'joining') return;
    const final = FINAL_REFUSALS.has(code);
    this.#state = 'refused';
    this.#asked = final;
    const retryAtMs = final ? null : this.#port.timers.now() + REFUSAL_RETRY_MS;
    if (!final) {
      this.#cancelRetry = this.#port.timers.after(REFUSAL_RETRY_MS, () => {
        this.retryNow();
      });
    }
    this.#refusal = { code, message, retryAtMs };
    this.emit('refused', this.#refusal);
  }

  /** @internal */
  fill(): void {
    for (const track of this.tracks) track.fill();
  }

  #welcomed(frame: Extract<ServerFrame, { type: 'welcome' }>): void {
    if (this.#state === 'left') return;
    const again = this.#participantId === frame.participantId;
    this.#state = 'joined';
    this.#refusal = null;
    this.#asked = true;
    this.#participantId = frame.participantId;
    const present = new Set(frame.participants.map((one) => one.participantId));
    for (const [id, who] of [...this.#participants]) {
      if (present.has(id)) continue;
      this.#participants.delete(id);
      this.emit('participant-left', who);
    }
    const published = new Set(frame.tracks.map((one) => one.trackId));
    for (const trackId of [...this.#tracks.keys()]) if (!published.has(trackId)) this.#drop(trackId);
    // `since` is the server's time of the first report, which `welcome` does not tell.
    const { sourceLost } = frame;
    this.#setSource(sourceLost === null ? null : { message: sourceLost, sinceMs: this.#port.timers.now() });
    this.#port.publisher.roomJoined(this.roomId);
    this.emit('joined');
    for (const participant of frame.participants) this.#meet(participant);
    for (const track of frame.tracks) this.#know(track, !again);
  }

  #takeState(frame: ServerFrameData<'track-state'>): void {
    const { trackId, muted, forced = false } = frame;
    const track = this.#tracks.get(trackId);
    track?.takeState(frame);
    const own = this.publications.find((one) => one.trackId === trackId);
    if (muted === undefined) return;
    if (!forced) this.#forced.delete(trackId);
    else if (this.#forced.size < MAX_TRACKS) this.#forced.add(trackId);
    own?.takeForced(forced);
    const participantId = own === undefined ? track?.participantId : this.#participantId;
    if (participantId) this.emit('muted', { trackId, participantId, muted, forced });
  }

  #setMode(mode: 'auto' | 'none'): void {
    if (mode === this.#mode || this.#state === 'left') return;
    this.#mode = mode;
    const { roomId } = this;
    const { session } = this.#port;
    if (this.#state === 'joined') {
      session.request({ type: mode === 'auto' ? 'subscribe' : 'unsubscribe', roomId }, roomId);
    }
    for (const track of this.tracks) track.setSubscribed(mode === 'auto');
  }

  #mustNotBeLeft(): void {
    if (this.#state === 'left') throw new Error(`The room "${this.roomId}" was left: join it again.`);
  }

  async #ask(frame: ClientFrame): Promise<void> {
    await this.#port.session.ask(frame, this.roomId);
  }

  #meet(participant: ParticipantInfo): void {
    const { participantId } = participant;
    const known = this.#participants.has(participantId);
    if (!known && this.#participants.size >= MAX_PARTICIPANTS) return;
    this.#participants.set(participantId, participant);
    if (!known && participantId !== this.#participantId) this.emit('participant-joined', participant);
  }

  /** @param anew the server knows nothing of what we want of a track we know. */
  #know(info: TrackInfo, anew: boolean): void {
    if (info.participantId === this.#participantId) return;
    const known = this.#tracks.get(info.trackId);
    if (known) {
      known.update(info);
      if (anew) known.sayAgain(this.#mode);
      else known.sayLost(this.#mode);
      return;
    }
    if (this.#tracks.size >= MAX_TRACKS) return;
    const { session, timers, media } = this.#port;
    const track = new RemoteTrack({
      info,
      subscribed: this.#mode === 'auto',
      session,
      timers,
      playable: info.kind === 'audio' || media.canPlay(info.mimeType),
    });
    this.#tracks.set(info.trackId, track);
    this.emit('track', track);
  }

  #drop(trackId: string): void {
    const track = this.#tracks.get(trackId);
    if (!track) return;
    this.#tracks.delete(trackId);
    this.emit('track-removed', track);
    track.end();
  }

  #setSource(lost: { message: string; sinceMs: number } | null): void {
    const before = this.#sourceLost;
    if (before?.message === lost?.message) return;
    this.#sourceLost = lost;
    if (lost === null) {
      // The ladder starts from here, not from the moment the camera went away.
      for (const track of this.tracks) track.startLadderAnew();
      this.emit('source-back');
    } else {
      this.emit('source-lost', lost);
    }
  }

  /** @internal The room is over without a word to the server. */
  end(reason: string | null = null): void {
    if (this.#state === 'left') return;
    this.#state = 'left';
    this.#cancelRetry();
    for (const trackId of [...this.#tracks.keys()]) this.#drop(trackId);
    this.#participants.clear();
    this.#port.publisher.roomEnded(this.roomId);
    this.#port.data.drop(this.roomId);
    this.emit('left', { reason });
    this.clear();
  }
}
