/**
 * The hands of one camera's ingest machine: runs its actions against the tunnel engine and the SFU, reports
 * what came of them, and keeps its timer. Owns the session with the camera.
 */
import type { DeviceMedia } from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import { cameraRoomId } from '../../contract/names.ts';
import type { Clock } from '../../kit/clock.ts';
import { AdapterError, assertNever, messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import { openProducer } from '../producers/open-producer.ts';
import { ProducerError, type ProducerFault, type ProducerSession } from '../producers/producer.ts';
import { WhepSession } from '../producers/whep-session.ts';
import type { SfuControl, TunnelEngine } from '../system.ts';
import type { IngestFault } from './fault.ts';
import type { IngestMachine } from './ingest-machine.ts';
import { formatIngestNote, type IngestNote } from './ingest-note.ts';
import type { IngestAction, IngestEvent, ProducerKind, TunnelView } from './ingest-types.ts';
import type { OpenGate } from './open-gate.ts';

/** How long the next session waits for the former one to be ended at the camera. */
const CLOSE_WAIT_MS = 3000;
const DIAL_TIMEOUT_MS = 10_000;

export type CameraIngestOptions = {
  deviceId: string;
  machine: IngestMachine;
  engine: Pick<TunnelEngine, 'dial'>;
  /** The namespace's SFU at this moment. */
  sfu: () => SfuControl | undefined;
  gate: OpenGate;
  clock: Clock;
  logger: Logger;
  /** Called after every change of `media`. */
  onMedia: (media: DeviceMedia) => void;
  producerTimeoutMs?: number;
};

type Current = { attempt: number; abort: AbortController; session: ProducerSession | undefined };

export class CameraIngest {
  readonly #options: CameraIngestOptions;
  readonly #machine: IngestMachine;
  readonly #logger: Logger;
  readonly #roomId: string;
  #current: Current | undefined;
  /** Ends when the former session is gone from the camera, or is no longer waited for. */
  #closing: Promise<void> = Promise.resolve();
  /** The question to the camera that is under way. */
  #check: AbortController | undefined;
  #tunnel: TunnelView = { state: 'unknown' };
  /** The generation holds for one tunnel: a camera that comes back may run other software. */
  #known: { tunnelId: string; producer: ProducerKind } | undefined;
  #cancelTimer: (() => void) | undefined;
  #loggedFault: IngestFault | undefined;
  #stopped = false;
  /** The event being handled, and those that its actions caused meanwhile. */
  readonly #events: IngestEvent[] = [];

  constructor(options: CameraIngestOptions) {
    this.#options = options;
    this.#machine = options.machine;
    this.#logger = options.logger.child({ device: options.deviceId });
    this.#roomId = cameraRoomId(options.deviceId);
  }

  get media(): DeviceMedia {
    return this.#machine.media;
  }

  /** Hands a fact to the machine and does what it says. */
  handle(event: IngestEvent): void {
    if (this.#stopped) return;
    this.#events.push(event);
    if (this.#events.length > 1) return; // An action caused an event: its turn comes after the actions.
    for (let next = this.#events[0]; next !== undefined; next = this.#events[0]) {
      try {
        this.#handle(next);
      } finally {
        this.#events.shift();
      }
    }
  }

  #handle(event: IngestEvent): void {
    if (event.type === 'tunnel') this.#tunnel = event.tunnel;
    const { clock } = this.#options;
    const before = this.#machine.media;
    const phaseBefore = this.#machine.phase.name;
    for (const action of this.#machine.handle(event, clock.nowMs())) this.#run(action);
    const { media, phase } = this.#machine;
    if (phase.name !== phaseBefore) {
      this.#logger.debug({ from: phaseBefore, to: phase.name, event: event.type }, 'ingest changed');
    }
    this.#cancelTimer?.();
    const nextMs = this.#machine.nextTickMs();
    this.#cancelTimer =
      nextMs === undefined
        ? undefined
        : clock.after(Math.max(0, nextMs - clock.nowMs()), () => {
            this.handle({ type: 'tick' });
          });
    if (media !== before) this.#options.onMedia(media);
  }

  /**
   * Ends this daemon's part: pending opens are aborted, WebSocket sessions closed; WHEP sessions and ingests
   * flow on, for the next run to adopt. Resolves within a few seconds.
   */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#check?.abort();
    const current = this.#current;
    this.#current = undefined;
    if (current?.session !== undefined) current.session.detach();
    else current?.abort.abort(new ProducerError('closed', 'the daemon stops'));
    await this.#closing;
  }

  /** Resolves when sessions that were told to close are gone from the camera, or given up. */
  settled(): Promise<void> {
    return this.#closing;
  }

  #run(action: IngestAction): void {
    switch (action.type) {
      case 'open':
        this.#open(action);
        return;
      case 'adopt':
        this.#adopt(action.attempt, action.note);
        return;
      case 'check-session':
        this.#checkSession(action.attempt, action.tunnelId);
        return;
      case 'close-session':
        this.#closeSession(action.attempt);
        return;
      case 'close-ingest':
        this.#tellSfu('ingest.close', (sfu) => sfu.call('ingest.close', { ingestId: action.ingestId }));
        return;
      case 'source-state': {
        const { lost, message } = action;
        this.#tellSfu('source.state', (sfu) =>
          sfu.call('source.state', { roomId: this.#roomId, lost, message }),
        );
        return;
      }
      default:
        assertNever(action);
    }
  }

  #open(action: IngestAction & { type: 'open' }): void {
    const { attempt } = action;
    const current: Current = { attempt, abort: new AbortController(), session: undefined };
    this.#current = current;
    const work = this.#exchange(action, current.abort.signal).then(
      (session) => {
        // Aborted in the very last step: nobody else knows of the session.
        if (current.abort.signal.aborted) return session.close();
        current.session = session;
        this.#loggedFault = undefined;
        this.#watch(session, attempt);
        this.handle({ type: 'answered', attempt, producer: session.producer });
        return undefined;
      },
      (error: unknown) => {
        if (current.abort.signal.aborted) return;
        const { fault, retryAfterMs } = faultOf(error);
        // A camera that stays broken is tried for ever; its log says so once.
        const level = fault === this.#loggedFault ? 'debug' : 'info';
        this.#loggedFault = fault;
        this.#logger[level]({ fault, reason: messageOf(error) }, 'the camera could not be opened');
        this.handle({ type: 'failed', attempt, fault, retryAfterMs });
      },
    );
    // An abort has to wait for the clean-up of what it interrupted.
    current.abort.signal.addEventListener('abort', () => {
      this.#waitFor(work);
    });
  }

  /** Dial, probe, open the ingest, exchange offer and answer. A failure leaves nothing open. */
  async #exchange(action: IngestAction & { type: 'open' }, signal: AbortSignal): Promise<ProducerSession> {
    const { attempt, ingestId, tunnelId } = action;
    await this.#closing;
    const leave = await this.#options.gate.enter(signal);
    let session: ProducerSession | undefined;
    let ingestIsOurs = false;
    try {
      signal.throwIfAborted();
      session = await this.#openProducer(tunnelId);
      signal.throwIfAborted();
      const opened = session;
      signal.addEventListener('abort', () => {
        void opened.close();
      });
      const sfu = this.#sfu();
      const offer = await sfu.call('ingest.open', {
        ingestId,
        roomId: this.#roomId,
        identity: this.#options.deviceId,
        note: formatIngestNote({ deviceId: this.#options.deviceId, producer: 'ws', tunnelId }),
      });
      ingestIsOurs = true;
      signal.throwIfAborted();
      this.handle({ type: 'ingest-opened', attempt });
      ingestIsOurs = false; // From here on the machine says when to close it.
      const answer = await session.offer(offer.sdp);
      signal.throwIfAborted();
      await sfu.call('ingest.answer', { ingestId, sdp: answer });
      signal.throwIfAborted();
      session.receiveCandidates((candidate) => {
        this.#tellSfu('ingest.candidate', () => sfu.call('ingest.candidate', { ingestId, candidate }));
      });
      if (session.resource !== null) {
        const note = formatIngestNote({
          deviceId: this.#options.deviceId,
          producer: 'whep',
          ...session.resource,
          tunnelId,
        });
        this.#tellSfu('ingest.note', () => sfu.call('ingest.note', { ingestId, note }));
      }
      return session;
    } catch (error) {
      if (ingestIsOurs) {
        this.#tellSfu('ingest.close', (sfu) => sfu.call('ingest.close', { ingestId }));
      }
      if (session !== undefined) await session.close();
      throw error;
    } finally {
      leave();
    }
  }

  #watch(session: ProducerSession, attempt: number): void {
    void session.closed.then((reason) => {
      if (reason.fault !== 'closed') this.#logger.info({ reason: reason.message }, 'camera session ended');
      this.handle({ type: 'session-closed', attempt });
    });
  }

  async #openProducer(tunnelId: string): Promise<ProducerSession> {
    const { clock, producerTimeoutMs } = this.#options;
    const known = this.#known?.tunnelId === tunnelId ? this.#known.producer : undefined;
    this.#known = undefined;
    const session = await openProducer({
      dial: () => this.#dial(),
      clock,
      logger: this.#logger,
      known,
      ...(producerTimeoutMs === undefined ? {} : { timeoutMs: producerTimeoutMs }),
    });
    this.#known = { tunnelId, producer: session.producer };
    void session.closed.then((reason) => {
      if (reason.fault === 'unsupported') this.#known = undefined;
    });
    return session;
  }

  /** Always the tunnel the camera has now: a session may outlive the one it was opened through. */
  #dial(): ReturnType<TunnelEngine['dial']> {
    if (this.#tunnel.state !== 'online') {
      return Promise.reject(new ProducerError('unreachable', 'the camera has no tunnel'));
    }
    return this.#options.engine.dial(this.#tunnel.tunnelId, { timeoutMs: DIAL_TIMEOUT_MS });
  }

  #adopt(attempt: number, note: IngestNote & { producer: 'whep' }): void {
    const { clock, producerTimeoutMs } = this.#options;
    const session = new WhepSession({
      dial: () => this.#dial(),
      clock,
      resource: { location: note.location, etag: note.etag },
      ...(producerTimeoutMs === undefined ? {} : { timeoutMs: producerTimeoutMs }),
    });
    this.#current = { attempt, abort: new AbortController(), session };
    this.#watch(session, attempt);
    this.#logger.info({ location: note.location }, 'adopted a camera session of a former run');
  }

  /** Waits its turn among the dials: after a restart of the tunnel engine every camera is asked. */
  #checkSession(attempt: number, tunnelId: string): void {
    const session = this.#current?.attempt === attempt ? this.#current.session : undefined;
    if (session === undefined) return;
    this.#check?.abort();
    const check = new AbortController();
    this.#check = check;
    const { signal } = check;
    const ask = async (): Promise<boolean | undefined> => {
      const leave = await this.#options.gate.enter(signal);
      try {
        return signal.aborted ? undefined : await session.isKnown();
      } finally {
        leave();
      }
    };
    ask().then(
      (known) => {
        if (signal.aborted || known === undefined) return;
        this.#logger.debug({ known }, 'asked the camera for its session after a change of tunnel');
        this.handle({ type: 'session-checked', attempt, tunnelId, known });
      },
      () => undefined, // Given up while it waited.
    );
  }

  #closeSession(attempt: number): void {
    const current = this.#current;
    if (current?.attempt !== attempt) return;
    this.#current = undefined;
    this.#check?.abort();
    if (current.session !== undefined) this.#waitFor(current.session.close());
    else current.abort.abort(new ProducerError('closed', 'no longer wanted'));
  }

  #waitFor(work: Promise<unknown>): void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const cancel = this.#options.clock.after(CLOSE_WAIT_MS, () => {
      resolve(undefined);
    });
    const done = (): void => {
      cancel();
      resolve(undefined);
    };
    work.then(done, done);
    this.#closing = Promise.all([this.#closing, promise]).then(() => undefined);
  }

  #sfu(): SfuControl {
    const sfu = this.#options.sfu();
    if (sfu === undefined) throw new AppError('unavailable', 'The media service does not answer.');
    return sfu;
  }

  /** Says something to the SFU that needs no answer; when it is gone, `sfu-ready` sorts things out later. */
  #tellSfu(what: string, call: (sfu: SfuControl) => Promise<unknown>): void {
    const sfu = this.#options.sfu();
    if (sfu === undefined) return;
    call(sfu).catch((error: unknown) => {
      this.#logger.debug({ what, reason: messageOf(error) }, 'the SFU refused');
    });
  }
}

const FAULTS: Record<ProducerFault, IngestFault> = {
  unreachable: 'camera-unreachable',
  timeout: 'camera-timeout',
  busy: 'camera-busy',
  refused: 'camera-refused',
  unsupported: 'camera-protocol',
  protocol: 'camera-protocol',
  gone: 'session-ended',
  closed: 'session-ended',
};

function faultOf(error: unknown): { fault: IngestFault; retryAfterMs: number | null } {
  if (error instanceof ProducerError) return { fault: FAULTS[error.fault], retryAfterMs: error.retryAfterMs };
  // The engine and the SFU's control connection reject with AdapterErrors, the SFU itself with AppErrors.
  if (error instanceof AdapterError && error.operation !== 'control') {
    return { fault: 'camera-unreachable', retryAfterMs: null };
  }
  return { fault: 'sfu-refused', retryAfterMs: null };
}
