/**
 * One TCP or TLS connection of a client. It closes itself when it carries no allocation for too long,
 * when its bytes are not TURN, or when its answers pile up; relayed data to a slow reader is dropped.
 */
import type { Socket } from 'node:net';
import type { TurnTransport } from '../../contract/turn-config.ts';
import type { Clock, Cancel } from '../../kit/clock.ts';
import type { IpAddress } from '../../kit/ip-address.ts';
import { buildChannelData, buildDataIndication, isChannelData } from '../codec/channel-data.ts';
import { StreamFramer } from '../codec/stream-framer.ts';
import type { ClientPath } from './client-path.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import type { Datagram } from '../../datagrams/datagram.ts';
import type { ServiceCore } from './relay-socket.ts';
import { relayToPeer } from './to-peer.ts';

/** A stranger has no use for more than a request; a client may send the largest UDP payload. */
const MAX_STRANGER_FRAME_BYTES = 2048;
const MAX_CLIENT_FRAME_BYTES = 65_600;
/** Above the first, relayed data is dropped; above the second the connection is given up. */
const MAX_UNREAD_DATA_BYTES = 1024 * 1024;
const MAX_UNREAD_BYTES = 2 * MAX_UNREAD_DATA_BYTES;
const KEEP_ALIVE_MS = 60_000;

export class StreamClient implements ClientPath {
  readonly listener: number;
  readonly transport: TurnTransport;
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #core: ServiceCore;
  readonly #clock: Clock;
  readonly #limits: ConnectionLimits;
  readonly #framer = new StreamFramer({ maxFrameBytes: MAX_STRANGER_FRAME_BYTES });
  readonly #onData: (chunk: Buffer) => void;
  #cancelIdle: Cancel | undefined;

  constructor(
    socket: Socket,
    options: {
      listener: number;
      transport: TurnTransport;
      core: ServiceCore;
      clock: Clock;
      limits: ConnectionLimits;
      onMessage: (client: ClientPath, bytes: Buffer) => void;
      onClose: (client: StreamClient) => void;
    },
  ) {
    this.listener = options.listener;
    this.transport = options.transport;
    this.address = socket.remoteAddress ?? '';
    this.port = socket.remotePort ?? 0;
    this.#socket = socket;
    this.#core = options.core;
    this.#clock = options.clock;
    this.#limits = options.limits;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const onFrame = (frame: Buffer): void => {
      if (isChannelData(frame[0] ?? 0)) {
        relayToPeer(this.#core, this.#core.lookup(this.listener, this.address, this.port), frame);
      } else {
        options.onMessage(this, frame);
      }
    };
    this.#onData = (chunk): void => {
      if (!this.#framer.push(chunk, onFrame)) {
        this.#core.drops.add('stream-broken');
        socket.destroy();
      } else if (this.#framer.rest.length > 0) {
        // Behind the frame that made the stream raw: the first bytes for whoever has taken it over.
        socket.unshift(this.#framer.rest);
      }
    };
    socket.on('data', this.#onData);
    socket.on('error', () => undefined); // 'close' follows and is what matters.
    socket.on('close', () => {
      this.#cancelIdle?.();
      options.onClose(this);
    });
    this.#startIdle();
  }

  sendAnswer(bytes: Buffer): void {
    this.#write(bytes);
  }

  sendChannelData(channel: number, payload: Datagram): void {
    if (this.#tooSlow()) return;
    this.#write(buildChannelData(channel, payload.view(), { padded: true }));
  }

  sendDataIndication(peer: IpAddress, peerPort: number, payload: Buffer): void {
    if (this.#tooSlow()) return;
    this.#write(buildDataIndication(peer, peerPort, payload));
  }

  allocationChanged(allocated: boolean): void {
    this.#framer.maxFrameBytes = allocated ? MAX_CLIENT_FRAME_BYTES : MAX_STRANGER_FRAME_BYTES;
    if (allocated) this.#cancelIdle?.();
    else if (!this.#socket.destroyed) this.#startIdle();
  }

  /** The stream is raw from here: framing and the idle limit end, the caller reads and writes the socket. */
  takeOver(): Socket {
    this.#framer.stop();
    this.#socket.off('data', this.#onData);
    this.#cancelIdle?.();
    return this.#socket;
  }

  close(): void {
    this.#socket.destroy();
  }

  #startIdle(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = this.#clock.after(this.#limits.idleMs, () => {
      this.#limits.countEnded('idleConnectionSeconds');
      this.#socket.destroy();
    });
  }

  #tooSlow(): boolean {
    if (this.#socket.writableLength <= MAX_UNREAD_DATA_BYTES) return false;
    this.#core.drops.add('slow-client');
    return true;
  }

  #write(bytes: Buffer): void {
    if (!this.#socket.writable) return;
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) {
      this.#core.drops.add('slow-client');
      this.#socket.destroy();
      return;
    }
    this.#socket.write(bytes);
  }
}
