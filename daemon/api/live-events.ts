/**
 * Live state for consoles: every reader gets a snapshot, then each change once, in order, numbered by
 * `seq`. Nobody waits for a slow reader: it is closed, and gets a snapshot when it comes back.
 */
import type { LiveEvent } from '../contract/api.ts';
import type { HostLoad, Load, LoadHistory, LoadSpan } from '../contract/load.ts';
import { AppError } from '../contract/errors.ts';
import type { RoomsLive } from '../contract/rooms.ts';
import type { TurnLive } from '../contract/turn-operations.ts';
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
import { roomsPicture, turnPicture } from './live-pictures.ts';
import { LiveWatch } from './live-watch.ts';
import { LoadWatch } from './load-watch.ts';

/** A snapshot of 500 cameras is about 300 kB; a reader four of these behind does not read. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const MAX_READERS = 500;
const MAX_READERS_PER_CALLER = 32;
/** The next picture of a service or of the load replaces this one: a reader this far behind is spared it. */
const MAX_UNREAD_FOR_PICTURE_BYTES = MAX_UNREAD_BYTES / 4;
/** 1013: try again later. */
const CLOSE_SLOW = 1013;

/** What the hub needs of a WebSocket. */
export interface LiveSocket {
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** `leave` ends what it sees of running services. */
type Reader = { caller: Caller; socket: LiveSocket; seq: number; leave: Unsubscribe };
type Body = LiveEvent extends infer Event ? (Event extends LiveEvent ? Omit<Event, 'seq'> : never) : never;

export class LiveEvents {
  readonly #namespaces: NamespaceService;
  readonly #turn: LiveWatch<TurnLive>;
  readonly #rooms: LiveWatch<RoomsLive>;
  readonly #load: LoadWatch;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #readers = new Set<Reader>();
  /** A removal names the camera only; who may see it depends on the namespace it had. */
  readonly #namespaceOf = new Map<string, string>();
  readonly #unsubscribe: Unsubscribe[] = [];
  #cameras: CameraService | undefined;
  #closed = false;

  /** @param options.hostLoad null: it cannot be told. */
  constructor(options: {
    namespaces: NamespaceService;
    clock: Clock;
    log: Logger;
    hostLoad?: () => Promise<HostLoad | null>;
  }) {
    this.#namespaces = options.namespaces;
    const { namespaces, clock } = options;
    this.#turn = new LiveWatch({ ask: (name) => turnPicture(namespaces.turn, name), clock });
    this.#rooms = new LiveWatch({ ask: (name) => roomsPicture(namespaces.rooms, name), clock });
    this.#load = new LoadWatch({
      namespaces: options.namespaces,
      host: options.hostLoad ?? (() => Promise.resolve(null)),
      clock: options.clock,
    });
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

  /** Remembers what flows from now on, whoever looks. Once. */
  recordLoad(): void {
    this.#load.record();
  }

  /** What flowed, as far as this caller may measure it. */
  loadHistory(span: LoadSpan, caller: Caller): LoadHistory {
    return this.#load.history.of(span, (namespace) => may(caller, 'metrics.read', namespace));
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
   * @param turn the namespace whose TURN service it wants to see; `rooms` the one whose rooms.
   */
  requireRoom(caller: Caller, turn?: string, rooms?: string): void {
    if (this.#closed)
      throw new AppError('shutting_down', 'The daemon is stopping.', { retryAfterSeconds: 5 });
    const mine = [...this.#readers].filter((one) => identityOf(one.caller) === identityOf(caller)).length;
    if (this.#readers.size >= MAX_READERS || mine >= MAX_READERS_PER_CALLER) {
      throw new AppError('rate_limited', 'Too many consoles are open. Close one and try again.', {
        retryAfterSeconds: 30,
      });
    }
    if (turn !== undefined) this.#turn.requireRoom(turn);
    if (rooms !== undefined) this.#rooms.requireRoom(rooms);
  }

  /**
   * Adds a reader and sends its snapshot. The returned function takes it out again.
   * @param also.turn the namespace whose TURN service it sees too; `also.rooms` the one whose rooms; `also.load` the
   * load of the host. Who may is the caller's to ask.
   */
  add(
    socket: LiveSocket,
    caller: Caller,
    also: { turn?: string | undefined; rooms?: string | undefined; load?: boolean } = {},
  ): Unsubscribe {
    const leaves: Unsubscribe[] = [];
    const reader: Reader = {
      caller,
      socket,
      seq: 0,
      leave: () => {
        for (const leave of leaves.splice(0)) leave();
      },
    };
    this.#readers.add(reader);
    this.#sendSnapshot(reader);
    // A slow reader is closed by what it is sent: nobody may be left behind in a watch.
    const picture = (body: Body): void => {
      if (socket.bufferedAmount <= MAX_UNREAD_FOR_PICTURE_BYTES) this.#send(reader, body);
    };
    if (also.turn !== undefined && this.#readers.has(reader)) {
      leaves.push(
        this.#turn.add(also.turn, (data) => {
          picture({ type: 'turn', data });
        }),
      );
    }
    if (also.rooms !== undefined && this.#readers.has(reader)) {
      leaves.push(
        this.#rooms.add(also.rooms, (data) => {
          picture({ type: 'rooms', data });
        }),
      );
    }
    if (also.load === true && this.#readers.has(reader)) {
      leaves.push(
        this.#load.add((load) => {
          picture({ type: 'load', load: visibleLoad(load, caller) });
        }),
      );
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
    this.#rooms.close();
    this.#load.close();
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

/** What this reader may measure of it. */
function visibleLoad(load: Load, caller: Caller): Load {
  return {
    ...load,
    host: may(caller, 'host.inspect') ? load.host : null,
    namespaces: load.namespaces.filter(({ namespace }) => may(caller, 'metrics.read', namespace)),
  };
}
