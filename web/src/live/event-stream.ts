/**
 * Live data over one WebSocket: a snapshot, then events in sequence. A gap or a break means a new socket and a
 * new snapshot, with backoff from 0.25 to 4 s for ever. No DOM: the socket and the time are injected.
 */
import type { LiveEvent } from '../../../daemon/contract/api.ts';
import { Emitter } from '../../client/emitter.ts';
import { retryDelayMs, type Timers } from '../../client/timers.ts';
import { applyLiveEvent, type LiveData } from '../actions/live-state.ts';

export type LiveState = {
  phase: 'idle' | 'connecting' | 'live' | 'waiting' | 'signed-out';
  /** Since when there has been no live data; null while there is, and before the first try. */
  downSinceMs: number | null;
  attempt: number;
  nextAttemptAtMs: number | null;
};

/** The part of a browser's WebSocket that is used. */
export type EventSocket = Pick<WebSocket, 'close' | 'onmessage' | 'onclose'>;

export type EventStreamOptions = {
  openSocket: () => EventSocket;
  /** Asked after a failed try: a refused upgrade looks like a broken network. Rejects when not reached. */
  isSignedIn: () => Promise<boolean>;
  timers: Timers;
};

export type EventStreamEvents = { data: LiveData; state: LiveState };

const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 4000;
const SNAPSHOT_LIMIT_MS = 10_000;
const MAX_EVENT_CHARACTERS = 8 * 1024 * 1024;

export class EventStream extends Emitter<EventStreamEvents> {
  readonly #options: EventStreamOptions;
  #data: LiveData | null = null;
  #state: LiveState = { phase: 'idle', downSinceMs: null, attempt: 0, nextAttemptAtMs: null };
  #socket: EventSocket | undefined;
  #cancel: () => void = () => undefined;
  #generation = 0;

  constructor(options: EventStreamOptions) {
    super();
    this.#options = options;
  }

  get data(): LiveData | null {
    return this.#data;
  }

  get state(): LiveState {
    return this.#state;
  }

  start(): void {
    if (this.#state.phase === 'idle' || this.#state.phase === 'signed-out') this.#connect();
  }

  /** Tries now instead of at the end of the wait. */
  hurry(): void {
    if (this.#state.phase !== 'waiting') return;
    this.#drop();
    this.#connect();
  }

  /** Forgets everything: the next user must not see it. */
  stop(): void {
    this.#drop();
    this.#data = null;
    this.#enter({ phase: 'idle', downSinceMs: null, attempt: 0, nextAttemptAtMs: null });
  }

  #enter(change: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...change };
    this.emit('state', this.#state);
  }

  #connect(): void {
    this.#enter({ phase: 'connecting', nextAttemptAtMs: null });
    const socket = this.#options.openSocket();
    this.#socket = socket;
    this.#cancel = this.#options.timers.after(SNAPSHOT_LIMIT_MS, () => {
      this.#broken();
    });
    socket.onmessage = ({ data }) => {
      const event = readLiveEvent(data);
      if (event !== undefined) this.#take(event);
    };
    socket.onclose = () => {
      this.#broken();
    };
  }

  #take(event: LiveEvent): void {
    const applied = applyLiveEvent(this.#data, event, this.#options.timers.now());
    if (applied.kind === 'gap') {
      // One missed event is no interruption: a new socket brings a snapshot at once.
      this.#drop();
      this.#connect();
      return;
    }
    this.#data = applied.data;
    if (event.type === 'snapshot') {
      this.#cancel();
      this.#enter({ phase: 'live', downSinceMs: null, attempt: 0, nextAttemptAtMs: null });
    }
    this.emit('data', applied.data);
  }

  #broken(): void {
    this.#drop();
    const { timers } = this.#options;
    const attempt = this.#state.attempt + 1;
    const waitMs = retryDelayMs(attempt, FIRST_RETRY_MS, MAX_RETRY_MS, timers.random());
    this.#enter({
      phase: 'waiting',
      attempt,
      downSinceMs: this.#state.downSinceMs ?? timers.now(),
      nextAttemptAtMs: timers.now() + waitMs,
    });
    this.#cancel = timers.after(waitMs, () => {
      void this.#connectIfSignedIn();
    });
  }

  async #connectIfSignedIn(): Promise<void> {
    const generation = this.#generation;
    let signedIn: boolean;
    try {
      signedIn = await this.#options.isSignedIn();
    } catch {
      if (generation === this.#generation) this.#broken();
      return;
    }
    if (generation !== this.#generation) return;
    if (signedIn) {
      this.#connect();
      return;
    }
    this.stop();
    this.#enter({ phase: 'signed-out' });
  }

  #drop(): void {
    this.#generation++;
    this.#cancel();
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

const KEYED: Record<LiveEvent['type'], string | null> = {
  snapshot: 'devices',
  namespace: 'namespace',
  'namespace-removed': 'name',
  device: 'device',
  'device-removed': 'id',
  operation: 'operation',
  turn: 'data',
  rooms: 'data',
  load: 'load',
};

/** @returns undefined for what is no event of the contract. */
export function readLiveEvent(data: unknown): LiveEvent | undefined {
  if (typeof data !== 'string' || data.length > MAX_EVENT_CHARACTERS) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const event = value as Record<string, unknown>;
  const { type } = event;
  if (typeof type !== 'string' || !Object.hasOwn(KEYED, type) || typeof event['seq'] !== 'number') {
    return undefined;
  }
  const key = KEYED[type as LiveEvent['type']];
  if (key !== null && event[key] === undefined) return undefined;
  if (type === 'snapshot') {
    const whole = ['devices', 'namespaces', 'operations'].every((name) => Array.isArray(event[name]));
    if (!whole || typeof event['user'] !== 'object') return undefined;
  }
  return event as unknown as LiveEvent;
}
