/** What a peer connection needs of the shared media port; the self test has one without a socket. */
import type { SealedOutlet, SealKeys } from '../../datagrams/sealed-flow.ts';
import type { Target } from './relay-outlet.ts';
import type { MediaDemux, MuxEndpoint } from './media-demux.ts';

export interface MediaPort {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
  readonly demux: MediaDemux;
  /** Sends one datagram in this turn of the event loop; the buffer may be used again after the call. Never throws. */
  send(datagram: Buffer, port: number, address: string): void;
  /**
   * A way out that protects RTP packets itself and sends them to `target`, as `send` does; undefined where the port
   * has none.
   */
  openOutlet(keys: SealKeys, target: () => Target | undefined): SealedOutlet | undefined;
  /** Sends what ICE or DTLS of an endpoint wants out. */
  sendControl(endpoint: MuxEndpoint, datagram: Buffer, port: number, address: string): void;
}
