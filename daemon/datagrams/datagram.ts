/**
 * UDP as the services use it: sockets bound to one address, no name resolution, sends that never wait.
 * Two engines implement it: batches by the addon in `native/`, and `node:dgram` where that was not built.
 */
import type { SealedFlow, SealKeys } from './sealed-flow.ts';
import type { SrtpContext } from './srtp-contexts.ts';
import type { OnSent, SendWatch } from './send-watch.ts';

export type SendFailure = 'send-queue-full' | 'send-failed';

/** A received datagram: `bytes` from `start` to `end`. All of it is good during the call only, but for `kept`. */
export interface Datagram {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly address: string;
  readonly port: number;
  /** The bytes without their surroundings, good during the call only. */
  view(): Buffer;
  /** The bytes, the caller's from now on. */
  kept(): Buffer;
}

export type UdpSocketOptions = {
  /** An IP literal. */
  address: string;
  /** 0: the kernel chooses. */
  port: number;
  onDatagram: (datagram: Datagram) => void;
  /** Datagrams that were given up, for a counter. */
  onFailure: (reason: SendFailure, count: number) => void;
  /** An error of the open socket, for a log line. */
  onError: (error: Error) => void;
};

export interface UdpSocket {
  readonly port: number;
  /** For a flow of datagrams through this socket: failures it hears of are counted. */
  watch(): SendWatch;
  /**
   * Sends one datagram to an IP literal; the bytes belong to the socket from now on. Never throws.
   * @param onSent From the flow's watch; without it a failure of this datagram may stay unknown.
   */
  send(bytes: Buffer, port: number, address: string, onSent: OnSent | undefined): void;
  /** As `send`, but the bytes stay the caller's, who may write into them again at once. */
  sendCopy(bytes: Buffer, port: number, address: string): void;
  /**
   * Sends a part of a datagram that is being received, without copying it where the engine can. Never throws.
   * @param start Of the part, in `datagram.bytes`.
   * @param header Four bytes in front, as a number in network byte order; 0: nothing in front.
   */
  forward(
    datagram: Datagram,
    start: number,
    length: number,
    header: number,
    port: number,
    address: string,
    watch: SendWatch,
  ): void;
  /**
   * RTP packets that are protected on their way out. @returns undefined where the engine has no such way: then the
   * caller protects them itself. @throws RangeError on keys of a wrong length.
   */
  seal(keys: SealKeys): SealedFlow | undefined;
  /** A second call does nothing. */
  close(): Promise<void>;
}

export interface DatagramEngine {
  readonly name: 'mmsg-addon' | 'dgram';
  /**
   * SRTP of single packets; see srtp-contexts.ts. @returns undefined where the engine has none, or none left.
   * @throws RangeError on keys of a wrong length.
   */
  srtpContext(keys: SealKeys, opens: boolean): SrtpContext | undefined;
  /** Binds. Rejects with the system error; nothing stays open then. */
  open(options: UdpSocketOptions): Promise<UdpSocket>;
}

/** Kernel buffers; the kernel clamps them to net.core.rmem_max and wmem_max. */
export const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
