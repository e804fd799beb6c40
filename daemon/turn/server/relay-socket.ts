/**
 * One relayed transport address: a UDP socket on the shield. Datagrams from permitted peers go to the
 * allocation's client at once, everything else is counted and forgotten.
 */
import { MAX_INDICATED_BYTES } from '../codec/channel-data.ts';
import type { RelayRef } from '../core/endpoints.ts';
import type { IpFamily } from '../../kit/ip-address.ts';
import type { Allocation, PeerConnection } from '../core/allocation.ts';
import type { TurnCore } from '../core/turn-core.ts';
import type { ClientPath } from './client-path.ts';
import type { SendWatch } from './send-watch.ts';
import { UdpSocket } from './udp-socket.ts';

/** The core and its allocations with this service's sockets in them. */
export type ServiceCore = TurnCore<ClientPath, ServiceRelay>;
export type ServiceAllocation = Allocation<ClientPath, ServiceRelay>;
export type ServiceConnection = PeerConnection<ClientPath, ServiceRelay>;

/** A relayed transport address, of datagrams or of TCP. */
export interface ServiceRelay extends RelayRef {
  /** From now on what arrives belongs to this allocation. */
  attach(allocation: ServiceAllocation): void;
  /** A datagram to a peer the caller has decided on. */
  send(payload: Buffer, port: number, address: string): void;
  close(): Promise<void>;
}

export class RelaySocket implements ServiceRelay {
  readonly family: IpFamily;
  readonly address: string;
  readonly port: number;
  readonly #core: ServiceCore;
  #socket: UdpSocket | undefined;
  #watch: SendWatch | undefined;
  #allocation: ServiceAllocation | undefined;

  private constructor(options: { family: IpFamily; address: string; port: number; core: ServiceCore }) {
    this.family = options.family;
    this.address = options.address;
    this.port = options.port;
    this.#core = options.core;
  }

  /** Binds the port. Rejects with the system error. */
  static async open(options: {
    family: IpFamily;
    address: string;
    port: number;
    core: ServiceCore;
    onError: (error: Error) => void;
  }): Promise<RelaySocket> {
    const relay = new RelaySocket(options);
    relay.#socket = await UdpSocket.open({
      address: options.address,
      port: options.port,
      onDatagram: (bytes, from) => {
        relay.#fromPeer(bytes, from);
      },
      onFailure: (reason) => {
        options.core.drops.add(reason);
      },
      onError: options.onError,
    });
    relay.#watch = relay.#socket.watch();
    return relay;
  }

  /** From now on datagrams belong to this allocation; a reserved socket waits without one. */
  attach(allocation: ServiceAllocation): void {
    this.#allocation = allocation;
  }

  /** To a peer the caller has decided on. */
  send(payload: Buffer, port: number, address: string): void {
    this.#socket?.send(payload, port, address, this.#watch?.next());
  }

  async close(): Promise<void> {
    this.#allocation = undefined;
    await this.#socket?.close();
  }

  #fromPeer(bytes: Buffer, from: { address: string; port: number }): void {
    const allocation = this.#allocation;
    const host = allocation?.hosts.get(from.address);
    if (allocation === undefined || host?.permitted !== true) {
      this.#core.drops.add('no-permission');
      return;
    }
    const channel = host.channels.get(from.port);
    if (channel !== undefined) {
      if (allocation.meter?.admits(bytes.length) === false) return;
      allocation.client.sendChannelData(channel.number, bytes);
    } else if (!this.#core.allowsPeer(from.address, from.port)) {
      this.#core.drops.add('peer-refused');
      return;
    } else if (this.family === 6 && bytes.length > MAX_INDICATED_BYTES) {
      this.#core.drops.add('too-long');
      return;
    } else {
      if (allocation.meter?.admits(bytes.length) === false) return;
      allocation.client.sendDataIndication(host.ip, from.port, bytes);
    }
    allocation.toClientPackets += 1;
    allocation.toClientBytes += bytes.length;
  }
}
