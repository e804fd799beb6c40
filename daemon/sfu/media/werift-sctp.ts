/**
 * SCTP over DTLS records, by werift's engine (RFC 8261, 9260). With the other werift-*.ts the only
 * files that know the library's insides; self-test.ts looks at them at start.
 *
 * Cures applied here for werift 0.25.2: packets it cannot read end as a count and not as a promise nobody handles; its
 * buffers for unfinished messages and its streams are bounded; its partial reliability, which gives up the oldest
 * message instead of the late one, is not used (lanes drop before they hand over).
 */
import { Event, RTCSctpTransport, type RTCDtlsTransport } from 'werift';
import { messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type { DataAssociation, DataAssociationEvents } from './secure-transport.ts';

/** What browsers offer at most (RFC 8831 section 6.2 says 65535, none has more than this). */
const MAX_STREAMS = 1024;
/** Received parts of messages that are not whole yet; also the window the peer is told. */
const MAX_UNFINISHED_BYTES = 256 * 1024;
/** A peer that ignores its window is cut off beyond this. */
const WINDOW_SLACK_BYTES = 64 * 1024;
const MAX_GAPS = 512;
/** Chunks that wait inside the engine: about what one flight of a good path takes. */
const MAX_WAITING_CHUNKS = 16;
/** What `a=sctp-port` of our offers says, and that of every browser's answer. */
export const SCTP_PORT = 5000;
const COMMON_HEADER_BYTES = 12;
const DATA = 0;
const FORWARD_TSN = 192;

type Subject<Args extends unknown[]> = {
  subscribe(handler: (...args: Args) => void): unknown;
  allUnsubscribe(): void;
};
/** The fields of werift's SCTP that are used; private ones among them. */
type SctpInsides = {
  isServer: boolean;
  advertisedRwnd: number;
  sackMisOrdered: Set<number>;
  outboundQueue: unknown[];
  reconfigQueue: number[];
  onReceive: Subject<[stream: number, protocol: number, payload: Buffer]>;
  onReconfigStreams: Subject<[streams: number[]]>;
  flush: Subject<[]>;
  stateChanged: Record<'connected' | 'closed', Subject<[]>>;
  handleData(packet: Buffer): Promise<void>;
  start(remotePort: number): Promise<void>;
  send(
    stream: number,
    protocol: number,
    payload: Buffer,
    options: { ordered: boolean; expiry: undefined; maxRetransmits: undefined },
  ): Promise<void>;
  transmitReconfigRequest(): Promise<void>;
  stop(): Promise<void>;
};
/** What werift takes for its DTLS transport. */
type Records = Pick<RTCDtlsTransport, 'id' | 'onStateChange' | 'sendData' | 'dataReceiver'>;

export class WeriftSctp implements DataAssociation {
  readonly #sctp: SctpInsides;
  readonly #events: DataAssociationEvents;
  readonly #log: Logger;
  #closed = false;

  /** `initiate`: send the INIT. Browsers do, so it is for the self test. */
  constructor(options: {
    /** Sends one packet in a record of its own. */
    send: (packet: Buffer) => void;
    events: DataAssociationEvents;
    log: Logger;
    initiate: boolean;
  }) {
    const { events, log } = options;
    this.#events = events;
    this.#log = log;
    const transport = new RTCSctpTransport();
    const records: Records = {
      id: 'records',
      onStateChange: new Event(),
      dataReceiver: () => undefined,
      sendData: (packet) => {
        options.send(packet);
        return Promise.resolve();
      },
    };
    transport.setDtlsTransport(records as RTCDtlsTransport);
    const sctp = transport.sctp as unknown as SctpInsides;
    this.#sctp = sctp;
    // Its own data channels are not used: labels are read and answered by data/channel-protocol.ts.
    sctp.onReceive.allUnsubscribe();
    sctp.onReconfigStreams.allUnsubscribe();
    sctp.stateChanged.connected.allUnsubscribe();
    sctp.advertisedRwnd = MAX_UNFINISHED_BYTES;
    sctp.isServer = !options.initiate;
    sctp.onReceive.subscribe((stream, protocol, payload) => {
      if (!this.#closed) events.message(stream, protocol, payload);
    });
    sctp.onReconfigStreams.subscribe((streams) => {
      if (!this.#closed) events.streamsEnded(streams);
    });
    sctp.stateChanged.connected.subscribe(() => {
      if (!this.#closed) events.open();
    });
    sctp.stateChanged.closed.subscribe(() => {
      this.#end('The peer has ended it.');
    });
    sctp.flush.subscribe(() => {
      if (!this.#closed && !this.busy) events.writable();
    });
    sctp.start(SCTP_PORT).catch(this.#ignore);
  }

  get busy(): boolean {
    return this.#sctp.outboundQueue.length >= MAX_WAITING_CHUNKS;
  }

  send(stream: number, protocol: number, payload: Buffer, ordered: boolean): void {
    if (this.#closed) return;
    this.#sctp
      .send(stream, protocol, payload, { ordered, expiry: undefined, maxRetransmits: undefined })
      .catch(this.#ignore);
  }

  /** One packet of the peer. */
  receive(packet: Buffer): void {
    if (this.#closed || !hasKnownStreams(packet)) return;
    this.#sctp.handleData(packet).catch(this.#ignore);
    if (this.#sctp.advertisedRwnd < -WINDOW_SLACK_BYTES || this.#sctp.sackMisOrdered.size > MAX_GAPS) {
      this.#end('It sent more parts of unfinished messages than are kept.');
    }
  }

  endStream(stream: number): void {
    if (this.#closed || this.#sctp.reconfigQueue.includes(stream)) return;
    this.#sctp.reconfigQueue.push(stream);
    this.#sctp.transmitReconfigRequest().catch(this.#ignore);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sctp.stop().catch(this.#ignore);
  }

  readonly #ignore = (error: unknown): void => {
    this.#log.debug({ reason: messageOf(error) }, 'data association');
  };

  #end(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#events.closed(reason);
  }
}

/** False when a chunk names a stream that no browser opens: each stream would be kept for good. */
export function hasKnownStreams(packet: Buffer): boolean {
  for (let at = COMMON_HEADER_BYTES; at + 4 <= packet.length;) {
    const length = packet.readUInt16BE(at + 2);
    if (length < 4 || at + length > packet.length) return false;
    if (packet[at] === DATA) {
      if (length < 16 || packet.readUInt16BE(at + 8) >= MAX_STREAMS) return false;
    } else if (packet[at] === FORWARD_TSN) {
      for (let entry = at + 8; entry + 4 <= at + length; entry += 4) {
        if (packet.readUInt16BE(entry) >= MAX_STREAMS) return false;
      }
    }
    at += length + ((4 - (length % 4)) % 4);
  }
  return true;
}
