/** How bytes get back to a client, whatever its transport. Implemented by the listeners. */
import type { ClientRef } from '../core/endpoints.ts';
import type { IpAddress } from '../../kit/ip-address.ts';
import type { Datagram } from '../../datagrams/datagram.ts';

export interface ClientPath extends ClientRef {
  /** An answer to a request: not dropped for slowness, the client is waiting. */
  sendAnswer(bytes: Buffer): void;
  /** Relayed bytes of a datagram that is being received. Dropped and counted when the client reads too slowly. */
  sendChannelData(channel: number, payload: Datagram): void;
  sendDataIndication(peer: IpAddress, peerPort: number, payload: Buffer): void;
  /** The client's allocation was made, or is gone: its connection may be kept, or timed again. */
  allocationChanged(allocated: boolean): void;
}
