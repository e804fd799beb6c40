/** A public UDP listener: ChannelData straight to the relay, STUN to the core. */
import {
  buildChannelData,
  buildDataIndication,
  channelDataLength,
  channelOf,
  isChannelData,
  isWholeChannelData,
} from '../codec/channel-data.ts';
import type { IpAddress } from '../../kit/ip-address.ts';
import type { ClientPath } from './client-path.ts';
import type { ServiceAllocation, ServiceCore } from './relay-socket.ts';
import type { SendWatch } from './send-watch.ts';
import { UdpSocket } from './udp-socket.ts';

export type ListenerOptions = {
  /** Number of the listener in the core's five-tuples. */
  id: number;
  address: string;
  port: number;
  core: ServiceCore;
  /** A STUN message came in; the server runs the core and the actions. */
  onMessage: (client: ClientPath, bytes: Buffer) => void;
  onError: (error: Error) => void;
};

/** A client of a UDP listener: made for each STUN message, kept only by an allocation. */
class UdpClient implements ClientPath {
  readonly transport = 'udp';
  readonly listener: number;
  readonly address: string;
  readonly port: number;
  readonly #socket: UdpSocket;
  readonly #watch: SendWatch;

  constructor(listener: number, socket: UdpSocket, from: { address: string; port: number }) {
    this.listener = listener;
    this.#socket = socket;
    this.#watch = socket.watch();
    this.address = from.address;
    this.port = from.port;
  }

  sendAnswer(bytes: Buffer): void {
    this.#socket.send(bytes, this.port, this.address, this.#watch.onSent);
  }

  sendChannelData(channel: number, payload: Buffer): void {
    const bytes = buildChannelData(channel, payload, { padded: false });
    this.#socket.send(bytes, this.port, this.address, this.#watch.next());
  }

  sendDataIndication(peer: IpAddress, peerPort: number, payload: Buffer): void {
    const bytes = buildDataIndication(peer, peerPort, payload);
    this.#socket.send(bytes, this.port, this.address, this.#watch.next());
  }

  allocationChanged(): void {
    // A UDP client has no connection whose life would depend on it.
  }
}

export class UdpListener {
  readonly #options: ListenerOptions;
  #socket: UdpSocket | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  async open(): Promise<void> {
    const { address, port, core, onError } = this.#options;
    this.#socket = await UdpSocket.open({
      address,
      port,
      onDatagram: (bytes, from) => {
        this.#receive(bytes, from);
      },
      onFailure: (reason) => {
        core.drops.add(reason);
      },
      onError,
    });
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  #receive(bytes: Buffer, from: { address: string; port: number }): void {
    const { id, core, onMessage } = this.#options;
    const first = bytes[0];
    if (first === undefined || first > 0x7f) {
      core.drops.add('not-turn');
    } else if (isChannelData(first)) {
      relayToPeer(core, core.lookup(id, from.address, from.port), bytes);
    } else if (this.#socket !== undefined) {
      onMessage(new UdpClient(id, this.#socket, from), bytes);
    }
  }
}

/** ChannelData from a client to the peer its channel is bound to. `bytes` may end in padding. */
export function relayToPeer(
  core: ServiceCore,
  allocation: ServiceAllocation | undefined,
  bytes: Buffer,
): void {
  if (allocation === undefined) {
    core.drops.add('no-allocation');
    return;
  }
  if (!isWholeChannelData(bytes)) {
    core.drops.add('channel-data-short');
    return;
  }
  const channel = allocation.channels.get(channelOf(bytes));
  if (channel === undefined) {
    core.drops.add('channel-unbound');
    return;
  }
  const length = channelDataLength(bytes);
  if (allocation.meter?.admits(length) === false) return;
  channel.relay.send(bytes.subarray(4, 4 + length), channel.port, channel.address);
  allocation.toPeerPackets += 1;
  allocation.toPeerBytes += length;
}
