/**
 * The life of one camera's picture between camera and SFU: when it is dialled, kept, dialled again and let
 * go. Sans-IO: facts come in as events with the time, actions come out; the shell never decides.
 *
 * Two things live side by side: the *ingest* (the SFU's receive leg, which carries the room's track and so
 * outlives a re-dial) and the *session* (with the producer). There is at most one of each.
 */
import type { CapturePolicy, DeviceMedia } from '../../contract/api.ts';
import type { IngestState } from '../../contract/control.ts';
import { assertNever } from '../../kit/errors.ts';
import { isAway, sentenceOf, type IngestFault } from './fault.ts';
import type {
  FoundIngest,
  IngestAction,
  IngestEvent,
  IngestPhase,
  ProducerKind,
  SessionRef,
  TunnelView,
} from './ingest-types.ts';
import { mediaReport } from './media-report.ts';
import { RedialSchedule } from './redial-schedule.ts';

/** Every step of an `open` has its own limit; this one ends an `open` that none of them ended. */
export const OPENING_LIMIT_MS = 60_000;
/** From the camera's answer to DTLS. ICE over a relay takes well below a second when it works at all. */
export const CONNECT_LIMIT_MS = 15_000;
/** From DTLS to the first RTP; cameras start their pipeline in this time. */
export const FIRST_RTP_LIMIT_MS = 10_000;
/** How long a stalled stream may come back by itself before it is dialled again. */
export const STALL_LIMIT_MS = 10_000;
/** An SFU that stays away this long has let its peer connections go. */
export const SFU_AWAY_LIMIT_MS = 60_000;

type Sfu = { state: 'absent' } | { state: 'ready' } | { state: 'lost'; untilMs: number };

export type IngestMachineOptions = {
  capture: CapturePolicy;
  /** Unique per run of the daemon and camera: ingest ids are `<prefix>-<n>`. */
  ingestIdPrefix: string;
  /** A number in [0, 1) for the jitter. */
  random: () => number;
  nowMs: number;
};

export class IngestMachine {
  readonly #ingestIdPrefix: string;
  readonly #schedule: RedialSchedule;
  #capture: CapturePolicy;
  #phase: IngestPhase = { name: 'idle' };
  #tunnel: TunnelView = { state: 'unknown' };
  #sfu: Sfu = { state: 'absent' };
  #subscribers = 0;
  #demandEndedAtMs: number | undefined;
  /** The ingest the SFU has for our room. */
  #ingestId: string | undefined;
  /** Why there is no picture although one is wanted. */
  #fault: IngestFault | undefined;
  /** What the room was told last; undefined when that is not known. */
  #told: string | null | undefined = null;
  #seenOnline = false;
  #producer: ProducerKind | null = null;
  #attempt = 0;
  #media: DeviceMedia;
  #actions: IngestAction[] = [];

  constructor(options: IngestMachineOptions) {
    this.#capture = options.capture;
    this.#ingestIdPrefix = options.ingestIdPrefix;
    this.#schedule = new RedialSchedule(options.random);
    this.#media = { state: 'idle', sinceMs: options.nowMs, message: null, producer: null, watching: 0 };
  }

  get phase(): IngestPhase {
    return this.#phase;
  }

  /** The ingest that the SFU holds for this camera, as far as is known. */
  get ingestId(): string | undefined {
    return this.#ingestId;
  }

  /** What the API tells about the camera's upstream. The same object while nothing changed. */
  get media(): DeviceMedia {
    return this.#media;
  }

  /** When `tick` is due; undefined while only an event can change anything. */
  nextTickMs(): number | undefined {
    const times: number[] = [];
    const phase = this.#phase;
    if (phase.name === 'removed') return undefined;
    if ('deadlineMs' in phase) times.push(phase.deadlineMs);
    if (phase.name === 'waiting' && this.#mayDial()) times.push(phase.retryAtMs);
    if (this.#sfu.state === 'lost') times.push(this.#sfu.untilMs);
    const lingerEnd = this.#lingerEndMs();
    if (lingerEnd !== undefined && this.#sfu.state === 'ready') times.push(lingerEnd);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Takes one fact in. @returns what the shell does now, in this order. */
  handle(event: IngestEvent, nowMs: number): IngestAction[] {
    this.#actions = [];
    if (this.#phase.name !== 'removed') {
      this.#apply(event, nowMs);
      this.#expire(nowMs);
      this.#settle(nowMs);
      this.#tell();
      this.#refreshMedia(nowMs);
    }
    return this.#actions;
  }

  #apply(event: IngestEvent, nowMs: number): void {
    switch (event.type) {
      case 'capture':
        this.#capture = event.capture;
        return;
      case 'tunnel':
        this.#onTunnel(event.tunnel, nowMs);
        return;
      case 'sfu-lost':
        this.#onSfuLost(nowMs);
        return;
      case 'sfu-ready':
        this.#onSfuReady(event.subscribers, event.found, nowMs);
        return;
      case 'demand':
        this.#setSubscribers(event.subscribers, nowMs);
        return;
      case 'ingest-opened':
        if (this.#phase.name === 'opening' && this.#phase.attempt === event.attempt) {
          this.#ingestId = this.#phase.ingestId;
        }
        return;
      case 'answered':
        this.#onAnswered(event.attempt, event.producer, nowMs);
        return;
      case 'failed':
        if (this.#phase.name === 'opening' && this.#phase.attempt === event.attempt) {
          this.#retryLater(event.fault, nowMs, event.retryAfterMs);
        }
        return;
      case 'session-closed':
        if (this.#session()?.attempt === event.attempt) this.#endSession('session-ended', nowMs);
        return;
      case 'session-checked':
        this.#onChecked(event, nowMs);
        return;
      case 'relays-restarted':
        // A camera that asked for time is as busy as before.
        if (this.#session() !== undefined || this.#phase.name === 'opening') this.#redial(event.type, nowMs);
        else if (this.#fault !== 'camera-busy') this.#hurry(nowMs);
        return;
      case 'ingest':
        if (event.ingestId === this.#ingestId) this.#onIngest(event.state, nowMs);
        return;
      case 'tick':
        return;
      case 'remove':
        this.#closeAll();
        this.#phase = { name: 'removed' };
        return;
      default:
        assertNever(event);
    }
  }

  // -- Facts -----------------------------------------------------------------------------------------

  #onTunnel(tunnel: TunnelView, nowMs: number): void {
    const replaced = tunnel.state === 'online' && !this.#isTunnel(tunnel.tunnelId);
    this.#tunnel = tunnel;
    const phase = this.#phase;
    if (tunnel.state === 'online') this.#seenOnline = true;
    if (phase.name === 'opening') {
      // The signaling runs through that very tunnel, so it cannot succeed any more.
      if (tunnel.state === 'offline') this.#redial('tunnel-closed', nowMs);
      else if (tunnel.state === 'online' && tunnel.tunnelId !== phase.tunnelId)
        this.#redial('returning', nowMs);
      return;
    }
    if (!replaced) return;
    this.#hurry(nowMs);
    if (phase.name === 'live') this.#check(phase.session);
    else if (phase.name === 'connecting' || phase.name === 'starting' || phase.name === 'stalled') {
      if (phase.session.tunnelId !== tunnel.tunnelId) this.#redial('returning', nowMs);
    }
  }

  /**
   * A live stream does not care for tunnels: its media goes camera - relay - SFU. But a camera that was
   * restarted has another tunnel too, and no WHEP session tells its end by itself.
   */
  #check(session: SessionRef): void {
    const { attempt, tunnelId, producer } = session;
    if (producer !== 'whep' || this.#tunnel.state !== 'online' || this.#isTunnel(tunnelId)) return;
    this.#actions.push({ type: 'check-session', attempt, tunnelId: this.#tunnel.tunnelId });
  }

  #onChecked(answer: IngestEvent & { type: 'session-checked' }, nowMs: number): void {
    const phase = this.#phase;
    if (phase.name !== 'live' || phase.session.attempt !== answer.attempt) return;
    const { tunnelId } = answer;
    if (!this.#isTunnel(tunnelId) || phase.session.tunnelId === tunnelId) return;
    if (answer.known) phase.session = { ...phase.session, tunnelId };
    else this.#redial('returning', nowMs);
  }

  #onSfuLost(nowMs: number): void {
    if (this.#sfu.state === 'ready') this.#sfu = { state: 'lost', untilMs: nowMs + SFU_AWAY_LIMIT_MS };
    if (this.#phase.name === 'opening') this.#redial('sfu-away', nowMs);
  }

  #onSfuReady(subscribers: number, found: FoundIngest | null, nowMs: number): void {
    this.#sfu = { state: 'ready' };
    this.#told = undefined;
    const alive = found !== null && found.state !== 'closed' ? found : null;
    const session = this.#session();
    if (session !== undefined && alive?.ingestId === this.#ingestId) {
      this.#onIngest(alive?.state ?? 'closed', nowMs);
    } else {
      // The SFU was restarted, or this daemon was. What the SFU has is the truth about the ingest.
      if (session !== undefined || this.#phase.name === 'opening') this.#redial('returning', nowMs);
      this.#ingestId = alive?.ingestId;
      if (alive !== null && this.#session() === undefined) this.#adopt(alive, nowMs);
    }
    this.#setSubscribers(subscribers, nowMs);
    // Media that was adopted without a viewer lingers once, as if the last viewer had left just now.
    if (this.#session() !== undefined && subscribers === 0) this.#demandEndedAtMs ??= nowMs;
  }

  #adopt(found: FoundIngest, nowMs: number): void {
    const { note, state } = found;
    // One that this run opened and has no session for was let go on purpose.
    if (found.ingestId.startsWith(`${this.#ingestIdPrefix}-`)) return;
    if (note?.producer !== 'whep' || state === 'offered' || state === 'closed') return;
    this.#attempt += 1;
    const session = { attempt: this.#attempt, producer: note.producer, tunnelId: note.tunnelId };
    this.#actions.push({ type: 'adopt', attempt: session.attempt, note });
    this.#producer = note.producer;
    this.#phase = { name: 'starting', session, deadlineMs: nowMs + FIRST_RTP_LIMIT_MS };
    if (state === 'flowing') {
      this.#flow(session, nowMs);
      this.#check(session);
    } else if (state === 'stalled') this.#stall(session, nowMs);
  }

  #onAnswered(attempt: number, producer: ProducerKind, nowMs: number): void {
    const phase = this.#phase;
    if (phase.name !== 'opening' || phase.attempt !== attempt) return;
    const session = { attempt, producer, tunnelId: phase.tunnelId };
    this.#producer = producer;
    this.#phase = { name: 'connecting', session, deadlineMs: nowMs + CONNECT_LIMIT_MS };
    if (phase.reached !== null) this.#onIngest(phase.reached, nowMs);
  }

  #onIngest(state: IngestState, nowMs: number): void {
    const phase = this.#phase;
    if (phase.name === 'opening') {
      // The old ingest, which still carries the room's track, may end here: it is being replaced anyway.
      const isNew = this.#ingestId === phase.ingestId;
      if (state === 'closed') this.#ingestId = undefined;
      if (isNew && state === 'closed') this.#retryLater('connection-lost', nowMs, null);
      else if (isNew) phase.reached = state;
      return;
    }
    if (state === 'closed') this.#ingestId = undefined;
    const session = this.#session();
    if (session === undefined) return;
    switch (state) {
      case 'offered':
        return;
      case 'connected':
        if (phase.name === 'connecting') {
          this.#phase = { name: 'starting', session, deadlineMs: nowMs + FIRST_RTP_LIMIT_MS };
        }
        return;
      case 'flowing':
        this.#flow(session, nowMs);
        return;
      case 'stalled':
        if (phase.name === 'live') this.#stall(session, nowMs);
        return;
      case 'closed':
        this.#endSession('connection-lost', nowMs);
        return;
      default:
        assertNever(state);
    }
  }

  #flow(session: SessionRef, nowMs: number): void {
    if (this.#phase.name === 'live') return;
    this.#fault = undefined;
    this.#phase = { name: 'live', session, flowingSinceMs: nowMs };
  }

  #stall(session: SessionRef, nowMs: number): void {
    this.#countFlow(nowMs);
    this.#fault = 'no-picture';
    this.#phase = { name: 'stalled', session, deadlineMs: nowMs + STALL_LIMIT_MS };
    // The camera has come back with another tunnel, so this session died with its former life.
    if (this.#tunnel.state === 'online' && !this.#isTunnel(session.tunnelId))
      this.#redial('returning', nowMs);
  }

  #setSubscribers(subscribers: number, nowMs: number): void {
    // The room may have come and gone meanwhile: a first viewer is told anew why there is no picture.
    if (this.#subscribers === 0 && subscribers > 0 && this.#told !== null) this.#told = undefined;
    if (subscribers > 0) this.#demandEndedAtMs = undefined;
    else if (this.#subscribers > 0) this.#demandEndedAtMs = nowMs;
    this.#subscribers = subscribers;
  }

  // -- Time ------------------------------------------------------------------------------------------

  #expire(nowMs: number): void {
    if (this.#sfu.state === 'lost' && nowMs >= this.#sfu.untilMs) {
      // Its process is gone, and with it every ingest and room.
      this.#sfu = { state: 'absent' };
      this.#ingestId = undefined;
      this.#subscribers = 0;
      this.#demandEndedAtMs = undefined;
      this.#closeAll();
      return;
    }
    const phase = this.#phase;
    if (!('deadlineMs' in phase) || nowMs < phase.deadlineMs) return;
    if (phase.name === 'opening') this.#retryLater('camera-timeout', nowMs, null);
    else if (phase.name === 'connecting') this.#retryLater('no-connection', nowMs, null);
    else this.#retryLater('no-picture', nowMs, null);
  }

  #lingerEndMs(): number | undefined {
    if (this.#capture.mode !== 'on-demand' || this.#demandEndedAtMs === undefined) return undefined;
    return this.#demandEndedAtMs + this.#capture.lingerSeconds * 1000;
  }

  // -- Decisions -------------------------------------------------------------------------------------

  /** Brings the phase in line with what is wanted and possible now. */
  #settle(nowMs: number): void {
    if (this.#phase.name === 'removed') return;
    if (this.#sfu.state === 'ready' && !this.#isWanted(nowMs)) {
      this.#demandEndedAtMs = undefined;
      this.#closeAll();
      return;
    }
    if (this.#phase.name === 'idle' && this.#sfu.state === 'ready') {
      this.#phase = { name: 'waiting', retryAtMs: this.#schedule.wantedMs(nowMs) };
    }
    if (this.#phase.name !== 'waiting') return;
    const away = this.#away();
    if (away !== undefined) this.#fault = away;
    else if (this.#fault !== undefined && isAway(this.#fault)) this.#fault = 'returning';
    if (this.#mayDial() && nowMs >= this.#phase.retryAtMs) this.#open(nowMs);
  }

  #isWanted(nowMs: number): boolean {
    if (this.#capture.mode === 'always' || this.#subscribers > 0) return true;
    const lingerEnd = this.#lingerEndMs();
    // Linger keeps what is open; it does not dial a camera that nobody watches.
    const isOpen = this.#phase.name === 'opening' || this.#session() !== undefined;
    return lingerEnd !== undefined && nowMs < lingerEnd && isOpen;
  }

  #away(): IngestFault | undefined {
    if (this.#sfu.state !== 'ready') return 'sfu-away';
    if (this.#tunnel.state === 'unknown') return 'engine-away';
    if (this.#tunnel.state === 'offline') return this.#seenOnline ? 'tunnel-closed' : 'offline';
    return undefined;
  }

  #mayDial(): boolean {
    return this.#away() === undefined;
  }

  #open(nowMs: number): void {
    if (this.#tunnel.state !== 'online') return;
    this.#attempt += 1;
    const ingestId = `${this.#ingestIdPrefix}-${String(this.#attempt)}`;
    const { tunnelId } = this.#tunnel;
    this.#schedule.dialled(nowMs);
    this.#phase = {
      name: 'opening',
      attempt: this.#attempt,
      ingestId,
      tunnelId,
      deadlineMs: nowMs + OPENING_LIMIT_MS,
      reached: null,
    };
    this.#actions.push({ type: 'open', attempt: this.#attempt, ingestId, tunnelId });
  }

  /** A session that worked ended: at once when its tunnel was replaced, else after the backoff. */
  #endSession(fault: IngestFault, nowMs: number): void {
    const session = this.#session();
    const replaced =
      session !== undefined && this.#tunnel.state === 'online' && !this.#isTunnel(session.tunnelId);
    if (replaced) this.#redial('returning', nowMs);
    else this.#retryLater(fault, nowMs, null);
  }

  #retryLater(fault: IngestFault, nowMs: number, retryAfterMs: number | null): void {
    this.#countFlow(nowMs);
    this.#dropSession();
    this.#fault = fault;
    this.#phase = { name: 'waiting', retryAtMs: this.#schedule.failedMs(nowMs, retryAfterMs) };
  }

  #redial(fault: IngestFault, nowMs: number): void {
    this.#countFlow(nowMs);
    this.#dropSession();
    this.#fault = fault;
    this.#phase = { name: 'waiting', retryAtMs: this.#schedule.againMs(nowMs) };
  }

  /** What kept it from working may be over: the next dial is due as soon as the least distance allows. */
  #hurry(nowMs: number): void {
    const soonestMs = this.#schedule.hurryMs(nowMs);
    if (this.#phase.name === 'waiting') this.#phase.retryAtMs = Math.min(this.#phase.retryAtMs, soonestMs);
  }

  #closeAll(): void {
    this.#dropSession();
    if (this.#ingestId !== undefined) {
      this.#actions.push({ type: 'close-ingest', ingestId: this.#ingestId });
      this.#ingestId = undefined;
    }
    this.#fault = undefined;
    this.#phase = { name: 'idle' };
  }

  #dropSession(): void {
    const attempt = this.#phase.name === 'opening' ? this.#phase.attempt : this.#session()?.attempt;
    if (attempt !== undefined) this.#actions.push({ type: 'close-session', attempt });
  }

  #countFlow(nowMs: number): void {
    if (this.#phase.name === 'live') this.#schedule.flowed(nowMs - this.#phase.flowingSinceMs);
  }

  #session(): SessionRef | undefined {
    return 'session' in this.#phase ? this.#phase.session : undefined;
  }

  #isTunnel(tunnelId: string): boolean {
    return this.#tunnel.state === 'online' && this.#tunnel.tunnelId === tunnelId;
  }

  // -- What others are told ----------------------------------------------------------------------------

  #tell(): void {
    if (this.#sfu.state !== 'ready' || this.#phase.name === 'removed') return;
    const message = this.#fault === undefined ? null : sentenceOf(this.#fault);
    if (message === this.#told) return;
    // Without a viewer there may be no room; one who comes later changes the demand, and is told then.
    if (this.#subscribers === 0 && (this.#told ?? null) === null) return;
    this.#told = message;
    this.#actions.push({ type: 'source-state', lost: message !== null, message: message ?? '' });
  }

  #refreshMedia(nowMs: number): void {
    const { name } = this.#phase;
    const fault = this.#sfu.state === 'lost' && name !== 'idle' ? 'sfu-away' : this.#fault;
    const producer = this.#session() === undefined ? null : this.#producer;
    const facts = { phase: name, fault, producer, watching: this.#subscribers };
    this.#media = mediaReport(this.#media, facts, nowMs);
  }
}
