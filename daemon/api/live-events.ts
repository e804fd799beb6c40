/**
 * Live state for consoles: every reader gets a snapshot, then each change once, in order, numbered by
 * `seq`. Nobody waits for a slow reader: it is closed, and gets a snapshot when it comes back.
 */
import type { LiveEvent } from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import { identityOf, may, userOf, type Caller } from '../identity/caller.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/logger.ts';
import type {
  CameraChange,
  CameraService,
  NamespaceChange,
  NamespaceService,
  Unsubscribe,
} from './services.ts';
import { TurnWatch } from './turn-watch.ts';

/** A snapshot of 500 cameras is about 300 kB; a reader four of these behind does not read. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const MAX_READERS = 500;
const MAX_READERS_PER_CALLER = 32;
/** The next frame of a TURN service replaces this one: a reader this far behind is spared it. */
const MAX_UNREAD_FOR_TURN_BYTES = MAX_UNREAD_BYTES / 4;
/** 1013: try again later. */
const CLOSE_SLOW = 1013;

/** What the hub needs of a WebSocket. */
export interface LiveSocket {
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** `leave` ends what it sees of a TURN service. */
type Reader = { caller: Caller; socket: LiveSocket; seq: number; leave: Unsubscribe };
type Body = LiveEvent extends infer Event ? (Event extends LiveEvent ? Omit<Event, 'seq'> : never) : never;

export class LiveEvents {
  readonly #namespaces: NamespaceService;
  readonly #turn: TurnWatch;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #readers = new Set<Reader>();
  /** A removal names the camera only; who may see it depends on the namespace it had. */
  readonly #namespaceOf = new Map<string, string>();
  readonly #unsubscribe: Unsubscribe[] = [];
  #cameras: CameraService | undefined;
  #closed = false;

  constructor(options: { namespaces: NamespaceService; clock: Clock; log: Logger }) {
    this.#namespaces = options.namespaces;
    this.#turn = new TurnWatch({ turn: options.namespaces.turn, clock: options.clock });
    this.#clock = options.clock;
    this.#log = options.log;
    this.#unsubscribe.push(
      options.namespaces.subscribe((change) => {
        this.#onNamespaceChange(change);
      }),
    );
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** The cameras have come (the database opened): every reader gets a new snapshot. Once. */
  attachCameras(cameras: CameraService): void {
    this.#cameras = cameras;
    for (const device of cameras.list()) this.#namespaceOf.set(device.id, device.namespace);
    this.#unsubscribe.push(
      cameras.subscribe((change) => {
        this.#onCameraChange(change);
      }),
    );
    for (const reader of this.#readers) this.#sendSnapshot(reader);
  }

  /**
   * Throws rate_limited when there are too many readers, before a socket is opened for one more.
   * @param turn the namespace whose TURN service it wants to see.
   */
  requireRoom(caller: Caller, turn?: string): void {
    if (this.#closed)
      throw new AppError('shutting_down', 'The daemon is stopping.', { retryAfterSeconds: 5 });
    const mine = [...this.#readers].filter((one) => identityOf(one.caller) === identityOf(caller)).length;
    if (this.#readers.size >= MAX_READERS || mine >= MAX_READERS_PER_CALLER) {
      throw new AppError('rate_limited', 'Too many consoles are open. Close one and try again.', {
        retryAfterSeconds: 30,
      });
    }
    if (turn !== undefined) this.#turn.requireRoom(turn);
  }

  /**
   * Adds a reader and sends its snapshot. The returned function takes it out again.
   * @param turn the namespace whose TURN service it sees too; who may is the caller's to ask.
   */
  add(socket: LiveSocket, caller: Caller, turn?: string): Unsubscribe {
    const reader: Reader = { caller, socket, seq: 0, leave: () => undefined };
    this.#readers.add(reader);
    this.#sendSnapshot(reader);
    if (turn !== undefined && this.#readers.has(reader)) {
      reader.leave = this.#turn.add(turn, (data) => {
        if (socket.bufferedAmount <= MAX_UNREAD_FOR_TURN_BYTES) this.#send(reader, { type: 'turn', data });
      });
    }
    return () => {
      this.#remove(reader);
    };
  }

  close(): void {
    this.#closed = true;
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    for (const { socket } of this.#readers) socket.close(1001, 'the daemon is stopping');
    this.#readers.clear();
    this.#turn.close();
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader);
    reader.leave();
  }

  #onNamespaceChange(change: NamespaceChange): void {
    switch (change.type) {
      case 'namespace':
        this.#publish(change, (caller) => may(caller, 'namespace.read', change.namespace.name));
        break;
      case 'namespace-removed':
        this.#publish(change, (caller) => may(caller, 'namespace.read', change.name));
        break;
      case 'operation':
        this.#publish(change, (caller) => may(caller, 'operation.read', change.operation.namespace));
        break;
    }
  }

  #onCameraChange(change: CameraChange): void {
    if (change.type === 'device') {
      const { id, namespace } = change.device;
      this.#namespaceOf.set(id, namespace);
      this.#publish(change, (caller) => may(caller, 'device.read', namespace));
      return;
    }
    const namespace = this.#namespaceOf.get(change.id);
    this.#namespaceOf.delete(change.id);
    if (namespace !== undefined) this.#publish(change, (caller) => may(caller, 'device.read', namespace));
  }

  #publish(body: Body, visibleTo: (caller: Caller) => boolean): void {
    for (const reader of this.#readers) if (visibleTo(reader.caller)) this.#send(reader, body);
  }

  #sendSnapshot(reader: Reader): void {
    const { caller } = reader;
    this.#send(reader, {
      type: 'snapshot',
      serverTime: new Date(this.#clock.nowMs()).toISOString(),
      user: userOf(caller),
      namespaces: this.#namespaces.list().filter(({ name }) => may(caller, 'namespace.read', name)),
      devices: (this.#cameras?.list() ?? []).filter(({ namespace }) => may(caller, 'device.read', namespace)),
      operations: this.#namespaces
        .operations()
        .filter(({ namespace }) => may(caller, 'operation.read', namespace)),
    });
  }

  #send(reader: Reader, body: Body): void {
    const { socket } = reader;
    if (socket.bufferedAmount > MAX_UNREAD_BYTES) {
      this.#remove(reader);
      this.#log.warn({ caller: identityOf(reader.caller) }, 'slow reader of live events closed');
      socket.close(CLOSE_SLOW, 'reads too slowly');
      // The close frame waits behind what it does not read.
      socket.terminate();
      return;
    }
    reader.seq += 1;
    socket.send(JSON.stringify({ ...body, seq: reader.seq }));
  }
}
