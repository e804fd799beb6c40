/**
 * One allocation: relayed addresses, permissions by peer address, channels by number and by peer. It
 * knows no time: whoever installs something also sets its deadline, and presence means validity.
 */
import type { IntegrityHash } from '../codec/message-integrity.ts';
import type { IpAddress, IpFamily } from '../../kit/ip-address.ts';
import type { ClientRef, RelayRef, RelayTransport } from './endpoints.ts';
import type { QuotaHolder } from './quota.ts';
import type { TrafficMeter } from './traffic-meter.ts';

/** `opening`: authenticated and counted, its relay sockets are being bound. */
export type AllocationState = 'opening' | 'open' | 'ended';

/** A peer address with its permission and the channels bound to its ports. */
export type PeerHost<C extends ClientRef, R extends RelayRef> = {
  readonly kind: 'permission';
  readonly allocation: Allocation<C, R>;
  readonly address: string;
  readonly ip: IpAddress;
  permitted: boolean;
  readonly channels: Map<number, Channel<C, R>>;
};

export type Channel<C extends ClientRef, R extends RelayRef> = {
  readonly kind: 'channel';
  readonly allocation: Allocation<C, R>;
  readonly number: number;
  readonly host: PeerHost<C, R>;
  readonly address: string;
  readonly port: number;
  readonly relay: R;
};

/** How a Connect request is to be answered once the peer has, or has not. */
export type ConnectRequest = { transactionId: Buffer; hash: IntegrityHash; fingerprint: boolean };

/**
 * `connecting`: a Connect request waits for the peer; `pending`: connected, the client has not bound it yet;
 * `bound`: bytes flow to and from a client data connection.
 */
export type PeerConnectionState = 'connecting' | 'pending' | 'bound' | 'closed';

/** A peer data connection of a TCP allocation (RFC 6062). */
export type PeerConnection<C extends ClientRef, R extends RelayRef> = {
  readonly kind: 'connection';
  /** CONNECTION-ID: random, and unique in this process while the connection lives. */
  readonly id: number;
  readonly allocation: Allocation<C, R>;
  readonly relay: R;
  /** The peer itself, never a form that hides it. */
  readonly address: string;
  readonly ip: IpAddress;
  readonly port: number;
  /** undefined: the peer connected. */
  readonly request: ConnectRequest | undefined;
  state: PeerConnectionState;
};

/** How the Allocate request is to be answered once the relays are open. */
export type AllocateRequest = {
  transactionId: Buffer;
  /** Kind of integrity of the answer. */
  hash: IntegrityHash;
  fingerprint: boolean;
  lifetimeSeconds: number;
  families: readonly IpFamily[];
};

export class Allocation<C extends ClientRef, R extends RelayRef> {
  readonly kind = 'allocation';
  /** How operators name it: random, unlike its five-tuple never used again. */
  readonly sessionId: string;
  readonly client: C;
  readonly username: string;
  /**
   * Cached at Allocate: the credential's expiry ends no running session, and no later request can fall
   * back to a weaker password algorithm.
   */
  readonly key: Buffer;
  readonly holder: QuotaHolder;
  readonly request: AllocateRequest;
  readonly createdAtMs: number;
  readonly relayTransport: RelayTransport;
  state: AllocationState = 'opening';
  expiresAtMs = 0;
  /** One for each family; empty while opening. */
  relays: R[] = [];
  /** Sent again when the Allocate request is. */
  answer: Buffer | undefined;

  /** Asked for every packet of both directions; undefined: unlimited. */
  meter: TrafficMeter | undefined;
  toPeerPackets = 0;
  toPeerBytes = 0;
  toClientPackets = 0;
  toClientBytes = 0;

  readonly hosts = new Map<string, PeerHost<C, R>>();
  readonly channels = new Map<number, Channel<C, R>>();
  /** Of a TCP allocation: at most `dataConnectionsPerAllocation`. */
  readonly connections = new Set<PeerConnection<C, R>>();

  constructor(options: {
    sessionId: string;
    client: C;
    username: string;
    key: Buffer;
    holder: QuotaHolder;
    request: AllocateRequest;
    createdAtMs: number;
    relayTransport: RelayTransport;
  }) {
    this.sessionId = options.sessionId;
    this.client = options.client;
    this.username = options.username;
    this.key = options.key;
    this.holder = options.holder;
    this.request = options.request;
    this.createdAtMs = options.createdAtMs;
    this.relayTransport = options.relayTransport;
  }

  get families(): IpFamily[] {
    return this.relays.map((relay) => relay.family);
  }

  relayOf(family: IpFamily): R | undefined {
    return this.relays.find((relay) => relay.family === family);
  }

  get permissions(): PeerHost<C, R>[] {
    return [...this.hosts.values()].filter((host) => host.permitted);
  }

  /** Installs or keeps the permission of an address. */
  permit(address: string, ip: IpAddress): PeerHost<C, R> {
    let host = this.hosts.get(address);
    if (host === undefined) {
      host = { kind: 'permission', allocation: this, address, ip, permitted: true, channels: new Map() };
      this.hosts.set(address, host);
    }
    host.permitted = true;
    return host;
  }

  /** Takes the permission away; channels of the address stay bound until they expire. */
  forbid(host: PeerHost<C, R>): void {
    host.permitted = false;
    if (host.channels.size === 0) this.hosts.delete(host.address);
  }

  bind(number: number, host: PeerHost<C, R>, port: number, relay: R): Channel<C, R> {
    const channel: Channel<C, R> = {
      kind: 'channel',
      allocation: this,
      number,
      host,
      address: host.address,
      port,
      relay,
    };
    this.channels.set(number, channel);
    host.channels.set(port, channel);
    return channel;
  }

  unbind(channel: Channel<C, R>): void {
    this.channels.delete(channel.number);
    channel.host.channels.delete(channel.port);
    if (!channel.host.permitted && channel.host.channels.size === 0) this.hosts.delete(channel.address);
  }
}
