/**
 * One DTLS association of a client: a record is a message, a message is a record. It closes itself when it
 * carries no allocation for too long; a new association of the same address has to prove itself first.
 */
import type { Cancel, Clock } from '../../../kit/clock.ts';
import type { IpAddress } from '../../../kit/ip-address.ts';
import { buildChannelData, buildDataIndication, isChannelData } from '../../codec/channel-data.ts';
import type { ClientPath } from '../client-path.ts';
import type { ConnectionLimits, ConnectionSlot } from '../connection-limits.ts';
import type { Datagram } from '../../../datagrams/datagram.ts';
import type { ServiceCore } from '../relay-socket.ts';
import { relayToPeer } from '../to-peer.ts';
import type { DtlsSession } from './dtls-engine.ts';

const APPLICATION_DATA = 23;

export type DtlsClientOptions = {
  listener: number;
  address: string;
  port: number;
  session: DtlsSession;
  slot: ConnectionSlot;
  limits: ConnectionLimits;
  core: ServiceCore;
  clock: Clock;
  onMessage: (client: ClientPath, bytes: Buffer) => void;
  /** The handshake is over and the session serves. */
  onOpen: (client: DtlsClient) => void;
  /** Told once: by close_notify, a failure, the idle limit or `close`. */
  onClose: (client: DtlsClient) => void;
};

export class DtlsClient implements ClientPath {
  readonly transport = 'dtls';
  readonly listener: number;
  readonly address: string;
  readonly port: number;
  readonly startedAtMs: number;
  /** A handshake of the same address that may take this one's place (RFC 6347 4.2.8). */
  successor: DtlsClient | undefined;
  readonly #options: DtlsClientOptions;
  readonly #session: DtlsSession;
  #state: 'handshake' | 'open' | 'closed' = 'handshake';
  #cancelIdle: Cancel | undefined;

  constructor(options: DtlsClientOptions) {
    this.#options = options;
    this.#session = options.session;
    this.listener = options.listener;
    this.address = options.address;
    this.port = options.port;
    this.startedAtMs = options.clock.nowMs();
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** A datagram of this address that is meant for this association. */
  receive(datagram: Buffer): void {
    const { core, onMessage, listener } = this.#options;
    const messages = this.#session.feed(datagram);
    const wasOpen = this.isOpen;
    this.#follow();
    if (messages.length === 0 && wasOpen && datagram[0] === APPLICATION_DATA) core.drops.add('dtls-record');
    for (const message of messages) {
      if (this.#state === 'closed') return;
      const first = message[0] ?? 0;
      if (first > 0x7f) core.drops.add('not-turn');
      else if (isChannelData(first)) {
        relayToPeer(core, core.lookup(listener, this.address, this.port), message);
      } else {
        onMessage(this, message);
      }
    }
    if (this.#session.state === 'closed') this.close();
  }

  /** During the handshake, now and then. */
  retransmit(): void {
    this.#session.retransmit();
    if (this.#session.state === 'closed') this.close();
  }

  sendAnswer(bytes: Buffer): void {
    this.#write(bytes);
  }

  sendChannelData(channel: number, payload: Datagram): void {
    this.#write(buildChannelData(channel, payload.view(), { padded: false }));
  }

  sendDataIndication(peer: IpAddress, peerPort: number, payload: Buffer): void {
    this.#write(buildDataIndication(peer, peerPort, payload));
  }

  allocationChanged(allocated: boolean): void {
    if (allocated) this.#cancelIdle?.();
    else if (this.isOpen) this.#startIdle();
  }

  /** Sends close_notify where that makes sense. A second call does nothing. */
  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'handshake') this.#options.core.drops.add('dtls-handshake');
    this.#state = 'closed';
    this.#cancelIdle?.();
    this.#session.close();
    this.#options.slot.leave();
    this.successor?.close();
    this.#options.onClose(this);
  }

  #follow(): void {
    if (this.#state !== 'handshake' || this.#session.state !== 'open') return;
    this.#state = 'open';
    this.#options.slot.established();
    this.#startIdle();
    this.#options.onOpen(this);
  }

  #write(message: Buffer): void {
    if (this.#state !== 'open') return;
    if (!this.#session.write(message)) this.#options.core.drops.add('dtls-message-size');
  }

  #startIdle(): void {
    this.#cancelIdle?.();
    const { clock, limits } = this.#options;
    this.#cancelIdle = clock.after(limits.idleMs, () => {
      limits.countEnded('idleConnectionSeconds');
      this.close();
    });
  }
}
