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
import type { Datagram, DatagramEngine, UdpSocket } from '../../datagrams/datagram.ts';
import type { SendWatch } from '../../datagrams/send-watch.ts';

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
  /** As `send`, for a part of a datagram that is being received. */
  forward(datagram: Datagram, start: number, length: number, port: number, address: string): void;
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
    datagrams: DatagramEngine;
    onError: (error: Error) => void;
  }): Promise<RelaySocket> {
    const relay = new RelaySocket(options);
    relay.#socket = await options.datagrams.open({
      address: options.address,
      port: options.port,
      onDatagram: (datagram) => {
        relay.#fromPeer(datagram);
      },
      onFailure: (reason, count) => {
        options.core.drops.add(reason, count);
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

  forward(datagram: Datagram, start: number, length: number, port: number, address: string): void {
    if (this.#watch === undefined) return;
    this.#socket?.forward(datagram, start, length, 0, port, address, this.#watch);
  }

  async close(): Promise<void> {
    this.#allocation = undefined;
    await this.#socket?.close();
  }

  #fromPeer(datagram: Datagram): void {
    const { port } = datagram;
    const length = datagram.end - datagram.start;
    const allocation = this.#allocation;
    const host = allocation?.hosts.get(datagram.address);
    if (allocation === undefined || host?.permitted !== true) {
      this.#core.drops.add('no-permission');
      return;
    }
    const channel = host.channels.get(port);
    if (channel !== undefined) {
      if (allocation.meter?.admits(length) === false) return;
      allocation.client.sendChannelData(channel.number, datagram);
    } else if (!this.#core.allowsPeer(datagram.address, port)) {
      this.#core.drops.add('peer-refused');
      return;
    } else if (this.family === 6 && length > MAX_INDICATED_BYTES) {
      this.#core.drops.add('too-long');
      return;
    } else {
      if (allocation.meter?.admits(length) === false) return;
      allocation.client.sendDataIndication(host.ip, port, datagram.view());
    }
    allocation.toClientPackets += 1;
    allocation.toClientBytes += length;
  }
}
