/**
 * A track somebody else publishes, as a page handles it: shown in elements, paused, asked for in a size, taken or
 * left. What the page wants outlives a session: it is said again to the next one.
 */
import type { ClientFrame, ServerFrameData, TrackInfo } from '../../daemon/contract/signaling.ts';
import { attachTrack, detachTrack, watchFrames } from './elements.ts';
import { Emitter } from './emitter.ts';
import type { MediaSession } from './media-session.ts';
import { climb, type Recovery } from './recovery.ts';
import type { Timers } from './timers.ts';
import { receivedFigures, withReceived, type ReceivedFigures } from './track-figures.ts';

export type RemoteTrackEvents = {
  /** `mediaStreamTrack` is there, or is another one after a reconnection. */
  media: MediaStreamTrack;
  /** Mute state, what the server holds back, or the ladder's state changed. */
  change: undefined;
  /** Figures of what arrived, at the client's interval. */
  stats: ReceivedFigures;
  /** The track is gone for good: unpublished, its room left, its publisher gone. */
  ended: undefined;
};

export type RemoteTrackOptions = {
  info: TrackInfo;
  subscribed: boolean;
  session: MediaSession;
  timers: Timers;
  playable: boolean;
};

export class RemoteTrack extends Emitter<RemoteTrackEvents> {
  /** False: this browser cannot decode it, and it is not asked for. */
  readonly playable: boolean;
  readonly #session: MediaSession;
  readonly #timers: Timers;
  readonly #elements = new Map<HTMLMediaElement, () => void>();
  #info: TrackInfo;
  #media: MediaStreamTrack | undefined;
  #subscribed: boolean;
  #paused = false;
  #height: number | null = null;
  #heldBack: string | null = null;
  #recovery: Recovery | null = null;
  #lastFrameAtMs: number | null = null;
  #sinceMs: number;
  #figures: ReceivedFigures | null = null;
  #ended = false;
  /** Something was asked in this session: what was said last may be lost with a socket. */
  #asked = false;
  #firstPacketAtMs: number | null = null;
  /** Shown by means of its owner's: frames are expected though nothing is attached here. */
  #shownElsewhere = false;
  /** The server knows of the first frame in this session. */
  #toldFrame = false;

  /** @internal */
  constructor({ info, subscribed, session, timers, playable }: RemoteTrackOptions) {
    super();
    this.#info = info;
    this.#subscribed = subscribed && playable;
    this.#session = session;
    this.#timers = timers;
    this.playable = playable;
    this.#sinceMs = timers.now();
    if (subscribed && !playable) this.#want('unsubscribe');
  }

  get trackId(): string {
    return this.#info.trackId;
  }

  get roomId(): string {
    return this.#info.roomId;
  }

  get participantId(): string {
    return this.#info.participantId;
  }

  /** Who publishes it, by the credential. */
  get identity(): string {
    return this.#info.identity;
  }

  get kind(): 'audio' | 'video' {
    return this.#info.kind;
  }

  get source(): TrackInfo['source'] {
    return this.#info.source;
  }

  /** For example `video/H264`. */
  get mimeType(): string {
    return this.#info.mimeType;
  }

  /** Parameters of the codec, as in SDP. */
  get fmtp(): string {
    return this.#info.fmtp;
  }

  /** Its publisher sends nothing on purpose, or a moderator has muted it. */
  get muted(): boolean {
    return this.#info.muted;
  }

  /** A moderator has muted it. */
  get forced(): boolean {
    return this.#info.forced ?? false;
  }

  get subscribed(): boolean {
    return this.#subscribed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Why the server holds it back, for example a slow network; null while it does not. */
  get heldBack(): string | null {
    return this.#heldBack;
  }

  /** The step of the recovery ladder that is under way; null while the picture flows. */
  get recovery(): Recovery | null {
    return this.#recovery;
  }

  /** When its first packet came in this session; null before. */
  get firstPacketAtMs(): number | null {
    return this.#firstPacketAtMs;
  }

  /** What the browser plays; undefined before it arrives. */
  get mediaStreamTrack(): MediaStreamTrack | undefined {
    return this.#media;
  }

  /**
   * Shows or plays it in an element, beside a track of the other kind that is there already, and starts the
   * element. A video that is attached is watched: when its picture stops, the ladder is climbed.
   * @returns a function that takes it out again.
   */
  attach(element: HTMLMediaElement): () => void {
    if (!this.#elements.has(element)) {
      const stop =
        this.kind === 'video'
          ? watchFrames(element, () => {
              this.frameShown();
            })
          : () => undefined;
      if (this.#elements.size === 0) this.#sinceMs = this.#timers.now();
      this.#elements.set(element, stop);
      if (this.#media) attachTrack(element, this.#media);
    }
    return () => {
      this.#detach(element);
    };
  }

  /** Nothing is sent any more; `resume` has a picture at once. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#tell({ paused: true });
  }

  resume(): void {
    if (!this.#paused && this.#heldBack === null) return;
    this.#paused = false;
    this.#heldBack = null;
    this.startLadderAnew();
    this.#tell({ paused: false });
  }

  /**
   * Lines it is shown at, in device pixels (`element.clientHeight * devicePixelRatio`): a publisher that sends several
   * sizes is received in the smallest that fills them. Null: the largest.
   */
  setHeight(height: number | null): void {
    const lines = height === null ? null : Math.min(16_384, Math.max(1, Math.round(height)));
    if (lines === this.#height) return;
    this.#height = lines;
    this.#tell({ height: lines });
  }

  /** For a person who does not want to wait: what the ladder would do, at once. */
  retryNow(): void {
    if (this.#heldBack !== null) {
      this.resume();
      return;
    }
    this.#session.send({ type: 'key-frame', trackId: this.trackId });
    this.#session.repair('ice-restart', this.#timers.now());
  }

  /** Takes it in a room that was joined with `subscribe: 'none'`, or again. */
  subscribe(): void {
    if (this.#subscribed || !this.playable || this.#ended) return;
    this.#subscribed = true;
    this.startLadderAnew();
    this.#want('subscribe');
    this.#sayWishes();
  }

  unsubscribe(): void {
    if (!this.#subscribed) return;
    this.#subscribed = false;
    this.#recovery = null;
    this.#want('unsubscribe');
  }

  /** Figures of what arrives; null before anything does. Rates are those since the call before. */
  async stats(): Promise<ReceivedFigures | null> {
    const report = await this.#session.getStats();
    return report ? this.#read([...report.values()] as unknown[]) : null;
  }

  // -- For the room that owns it -----------------------------------------------------------------------

  /** @internal A session that knows nothing of it, or knows only what the room's mode says. */
  sayAgain(roomMode: 'auto' | 'none'): void {
    this.#toldFrame = false;
    // The ladder keeps its place: sessions that bring no picture are begun less and less often.
    if (this.#subscribed && roomMode === 'none') this.#want('subscribe');
    if (!this.#subscribed && roomMode === 'auto') this.#want('unsubscribe');
    this.#sayWishes();
  }

  /** @internal The session is over; the last picture stays. */
  forgetSession(): void {
    this.#firstPacketAtMs = null;
    this.#heldBack = null;
    this.#asked = false;
  }

  /** @internal The session goes on over another socket: what may have been lost with the old one is said again. */
  sayLost(roomMode: 'auto' | 'none'): void {
    if (!this.#asked) return;
    if (this.#subscribed !== (roomMode === 'auto')) {
      this.#want(this.#subscribed ? 'subscribe' : 'unsubscribe');
    }
    this.#tell({ paused: this.#paused, height: this.#height });
  }

  /** @internal The whole room is taken or left: the server was told in one frame. */
  setSubscribed(subscribed: boolean): void {
    this.#subscribed = subscribed && this.playable;
    if (subscribed && !this.playable) this.#want('unsubscribe');
    this.startLadderAnew();
    this.#sayWishes();
  }

  /** @internal Its owner shows `mediaStreamTrack` by itself and tells of frames by `frameShown`. */
  setShownElsewhere(shown: boolean): void {
    if (shown && !this.#shownElsewhere) this.startLadderAnew();
    this.#shownElsewhere = shown;
  }

  /** @internal @param entries the values of the connection's report. @returns null while nothing has arrived. */
  takeReport(entries: readonly unknown[]): ReceivedFigures | null {
    const figures = this.#subscribed && !this.#paused ? this.#read(entries) : null;
    if (figures) this.emit('stats', figures);
    return figures;
  }

  /** @internal */
  update(info: TrackInfo): void {
    this.#info = info;
    this.emit('change');
  }

  /** @internal */
  takeState({ muted, forced, paused, reason }: ServerFrameData<'track-state'>): void {
    if (muted !== undefined) this.#info = { ...this.#info, muted, forced: forced ?? false };
    if (paused !== undefined) this.#heldBack = paused ? (reason ?? null) : null;
    this.startLadderAnew();
    this.emit('change');
  }

  /** @internal The connection's sections changed: finds the receiver's track. */
  fill(): void {
    const media = this.#session.receiverTrack(this.trackId);
    if (!media || media === this.#media) return;
    const before = this.#media;
    this.#media = media;
    this.#figures = null;
    for (const element of this.#elements.keys()) {
      if (before) detachTrack(element, before);
      attachTrack(element, media);
    }
    if (media.muted) {
      const arrived = (): void => {
        if (this.#media === media) this.#packetArrived();
      };
      media.addEventListener('unmute', arrived, { once: true });
    } else this.#packetArrived();
    this.emit('media', media);
  }

  /**
   * @internal Climbs the ladder of a picture that stopped.
   * @param othersFlow another picture of the same connection flows.
   */
  tick(nowMs: number, facts: { othersFlow: boolean; sourceAway: boolean; connected: boolean }): void {
    if (!this.#expectsFrames(facts.connected)) return;
    const { recovery, step } = climb(this.#recovery, {
      nowMs,
      lastFrameAtMs: Math.max(this.#lastFrameAtMs ?? 0, this.#sinceMs, this.#firstPacketAtMs ?? 0),
      othersFlow: facts.othersFlow,
      sourceAway: facts.sourceAway,
      signalingOpen: this.#session.signaling.phase === 'open',
    });
    const changed = recovery !== this.#recovery;
    this.#recovery = recovery;
    if (step === 'key-frame') this.#session.send({ type: 'key-frame', trackId: this.trackId });
    else if (step !== null) this.#session.repair(step, nowMs);
    if (changed) this.emit('change');
  }

  /** @internal */
  flows(nowMs: number): boolean {
    return nowMs - (this.#lastFrameAtMs ?? 0) < 1500;
  }

  /** @internal The page could not paint until now: silence was no fault. */
  startLadderAnew(): void {
    this.#sinceMs = this.#timers.now();
    this.#recovery = null;
  }

  /** @internal */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const element of [...this.#elements.keys()]) this.#detach(element);
    this.emit('ended');
    this.clear();
  }

  #want(type: 'subscribe' | 'unsubscribe'): void {
    this.#request({ type, roomId: this.roomId, trackId: this.trackId });
  }

  #expectsFrames(connected: boolean): boolean {
    return (
      connected &&
      this.kind === 'video' &&
      (this.#elements.size > 0 || this.#shownElsewhere) &&
      this.#subscribed &&
      !this.#paused &&
      this.#heldBack === null &&
      !this.muted
    );
  }

  /** @internal */
  frameShown(): void {
    this.#lastFrameAtMs = this.#timers.now();
    if (!this.#toldFrame) {
      const { trackId } = this;
      this.#toldFrame = this.#session.send({ type: 'stats', trackId, figures: { framesDecoded: 1 } });
    }
    if (!this.#recovery) return;
    this.#recovery = null;
    this.emit('change');
  }

  #packetArrived(): void {
    this.#firstPacketAtMs ??= this.#timers.now();
    this.emit('change');
  }

  #read(entries: readonly unknown[]): ReceivedFigures | null {
    if (!this.#media) return null;
    const now = receivedFigures(entries, this.#media.id);
    if (!now) return null;
    this.#figures = withReceived(now, this.#figures);
    return this.#figures;
  }

  /** What is not as the server takes it to be of a track it was just told of. */
  #sayWishes(): void {
    const wishes = {
      ...(this.#height !== null && { height: this.#height }),
      ...(this.#paused && { paused: true }),
    };
    if (Object.keys(wishes).length > 0) this.#tell(wishes);
  }

  #tell(state: { paused?: boolean; height?: number | null }): void {
    // A track that is not watched has no state there: it is told with the subscription.
    if (this.#subscribed) this.#request({ type: 'track-state', trackId: this.trackId, ...state });
  }

  #detach(element: HTMLMediaElement): void {
    this.#elements.get(element)?.();
    if (this.#elements.delete(element) && this.#media) detachTrack(element, this.#media);
  }

  #request(frame: ClientFrame): void {
    if (this.#ended) return;
    this.#asked = true;
    this.#session.request(frame, this.roomId);
  }
}
