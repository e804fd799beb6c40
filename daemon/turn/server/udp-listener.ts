/** A public UDP listener: ChannelData straight to the relay, STUN to the core. */
import { buildDataIndication, channelDataHeader, isChannelData } from '../codec/channel-data.ts';
import type { IpAddress } from '../../kit/ip-address.ts';
import type { ClientPath } from './client-path.ts';
import type { Datagram, DatagramEngine, UdpSocket } from '../../datagrams/datagram.ts';
import type { SendWatch } from '../../datagrams/send-watch.ts';
import type { ServiceCore } from './relay-socket.ts';
import { forwardToPeer } from './to-peer.ts';

export type ListenerOptions = {
  /** Number of the listener in the core's five-tuples. */
  id: number;
  address: string;
  port: number;
  core: ServiceCore;
  datagrams: DatagramEngine;
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

  sendChannelData(channel: number, payload: Datagram): void {
    const { start } = payload;
    const length = payload.end - start;
    const header = channelDataHeader(channel, length);
    this.#socket.forward(payload, start, length, header, this.port, this.address, this.#watch);
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
    const { address, port, core, datagrams, onError } = this.#options;
    this.#socket = await datagrams.open({
      address,
      port,
      onDatagram: (datagram) => {
        this.#receive(datagram);
      },
      onFailure: (reason, count) => {
        core.drops.add(reason, count);
      },
      onError,
    });
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  #receive(datagram: Datagram): void {
    const { id, core, onMessage } = this.#options;
    const first = datagram.start < datagram.end ? datagram.bytes[datagram.start] : undefined;
    if (first === undefined || first > 0x7f) {
      core.drops.add('not-turn');
    } else if (isChannelData(first)) {
      forwardToPeer(core, core.lookup(id, datagram.address, datagram.port), datagram);
    } else if (this.#socket !== undefined) {
      // The core may keep a request until its relay sockets are open.
      onMessage(new UdpClient(id, this.#socket, datagram), datagram.kept());
    }
  }
}
