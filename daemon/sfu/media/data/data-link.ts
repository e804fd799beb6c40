/**
 * The data channels of one session over its SCTP association. The client opens them with labels and reliability of its
 * choice; messages in are handed on whole, messages out wait here in bounded queues. Sans-IO: the association is given.
 */
import type { DropCounter } from '../../../kit/drop-counter.ts';
import type { DataAssociation, DataAssociationEvents } from '../secure-transport.ts';
import { acknowledgement, isOpen, PAYLOAD, readOpen } from './channel-protocol.ts';
import { Lane } from './lane.ts';

/** Why a data message was thrown away. */
export type DataDrop =
  | 'data-malformed'
  | 'data-too-large'
  | 'data-rate'
  | 'data-overload'
  | 'data-refused'
  | 'data-late'
  | 'data-queue-full';

export type DataLinkLimits = { channels: number; queueBytes: number };

export type DataLinkEvents = {
  /** One whole message of a channel. The buffer is the receiver's. */
  message(message: Buffer, lane: { label: string; reliable: boolean }): void;
  /** A channel was not opened, or had to be closed: a sentence for the page's developer. */
  channelRefused(why: 'channel_limit' | 'invalid_request' | 'unavailable', message: string): void;
  /** All channels are gone. */
  closed(reason: string): void;
};

export class DataLink {
  readonly #association: DataAssociation;
  readonly #limits: () => DataLinkLimits;
  readonly #drops: DropCounter<DataDrop>;
  readonly #nowMs: () => number;
  readonly #events: DataLinkEvents;
  readonly #lanes = new Map<number, Lane>();
  #waitingBytes = 0;

  constructor(options: {
    open: (events: DataAssociationEvents) => DataAssociation;
    limits: () => DataLinkLimits;
    drops: DropCounter<DataDrop>;
    nowMs: () => number;
    events: DataLinkEvents;
  }) {
    this.#limits = options.limits;
    this.#drops = options.drops;
    this.#nowMs = options.nowMs;
    this.#events = options.events;
    this.#association = options.open({
      open: () => undefined,
      message: (stream, protocol, payload) => {
        this.#receive(stream, protocol, payload);
      },
      streamsEnded: (streams) => {
        for (const stream of streams) this.#forget(stream);
      },
      writable: () => {
        this.#pump();
      },
      closed: (reason) => {
        this.#forgetAll();
        options.events.closed(reason);
      },
    });
  }

  /** Open channels. */
  get channels(): number {
    return this.#lanes.size;
  }

  /**
   * Sends a message on the channel of the same label, else on one of the same reliability, else on any.
   * @returns false when there is no channel or no room; that is counted here.
   */
  deliver(message: Buffer, like: { label: string; reliable: boolean }): boolean {
    const lane = this.#laneFor(like);
    if (lane === undefined) return false;
    if (this.#waitingBytes + message.length > this.#limits().queueBytes) {
      this.#drops.add('data-queue-full');
      if (lane.reliable) this.#closeSlow(lane);
      return false;
    }
    lane.push(message, this.#nowMs());
    this.#waitingBytes += message.length;
    this.#pump();
    return true;
  }

  /** Ends all channels. Twice is harmless. */
  close(): void {
    this.#forgetAll();
    this.#association.close();
  }

  #receive(stream: number, protocol: number, payload: Buffer): void {
    const lane = this.#lanes.get(stream);
    if (protocol === PAYLOAD.control) {
      if (isOpen(payload)) this.#open(stream, payload, lane);
    } else if (lane !== undefined && protocol === PAYLOAD.binary) {
      this.#events.message(payload, lane);
    } else {
      this.#drops.add('data-malformed');
      if (lane !== undefined && (protocol === PAYLOAD.text || protocol === PAYLOAD.emptyText)) {
        const remedy = 'Send an ArrayBuffer that starts with the envelope of the API documentation.';
        this.#events.channelRefused('invalid_request', `Data messages are binary. ${remedy}`);
      }
    }
  }

  #open(stream: number, message: Buffer, known: Lane | undefined): void {
    const open = readOpen(message);
    const { channels } = this.#limits();
    if (open === undefined) {
      this.#association.endStream(stream);
      this.#events.channelRefused('invalid_request', 'The label of a data channel has at most 64 bytes.');
      return;
    }
    if (known === undefined && this.#lanes.size >= channels) {
      this.#association.endStream(stream);
      const most = `One session can have ${String(channels)} data channels.`;
      this.#events.channelRefused('channel_limit', most);
      return;
    }
    if (known === undefined) this.#lanes.set(stream, new Lane(stream, open));
    this.#association.send(stream, PAYLOAD.control, acknowledgement(), true);
  }

  #laneFor({ label, reliable }: { label: string; reliable: boolean }): Lane | undefined {
    let same: Lane | undefined;
    let any: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.label === label) return lane;
      if (lane.reliable === reliable) same ??= lane;
      any ??= lane;
    }
    return same ?? any;
  }

  /** Nothing may be left out of a reliable channel, so one whose reader does not keep up ends. */
  #closeSlow(lane: Lane): void {
    const { queueBytes } = this.#limits();
    this.#association.endStream(lane.stream);
    this.#forget(lane.stream);
    const why = `more than ${String(queueBytes)} bytes waited for you. Open it again.`;
    this.#events.channelRefused('unavailable', `The data channel "${lane.label}" was closed: ${why}`);
  }

  #pump(): void {
    const nowMs = this.#nowMs();
    for (const lane of this.#lanes.values()) {
      while (!this.#association.busy) {
        const next = lane.shift(nowMs);
        if (next === undefined) break;
        this.#waitingBytes -= next.bytes.length;
        if (next.late) this.#drops.add('data-late');
        else this.#association.send(lane.stream, PAYLOAD.binary, next.bytes, lane.ordered);
      }
    }
  }

  #forget(stream: number): void {
    const lane = this.#lanes.get(stream);
    if (lane === undefined) return;
    this.#lanes.delete(stream);
    this.#waitingBytes -= lane.clear();
  }

  #forgetAll(): void {
    for (const stream of [...this.#lanes.keys()]) this.#forget(stream);
  }
}
